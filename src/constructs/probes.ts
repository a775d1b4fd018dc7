/** Liveness and readiness of both programs, on the telemetry port. A Pod that is slow is not killed: only one that answers nothing for a minute. */
import { k8s } from 'cdk8s-plus-28';
import { portNames } from '../contract/names.ts';
import { httpPaths, programPorts } from '../contract/programs.ts';

export const telemetryPort: k8s.ContainerPort = { name: portNames.telemetry, containerPort: programPorts.telemetry, protocol: 'TCP' };

export const probes = {
  livenessProbe: probe(httpPaths.live, { periodSeconds: 20, failureThreshold: 3 }),
  readinessProbe: probe(httpPaths.ready, { periodSeconds: 5, failureThreshold: 2 }),
} as const;

function probe(path: string, times: { periodSeconds: number; failureThreshold: number }): k8s.Probe {
  return { httpGet: { path, port: k8s.IntOrString.fromString(portNames.telemetry), scheme: 'HTTP' }, timeoutSeconds: 3, ...times };
}
