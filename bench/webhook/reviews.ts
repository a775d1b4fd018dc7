/** Reviews of Pods as clusters have them: some 22 KB, with environment, probes, managed fields; each of `variants` images. */
import { randomUUID } from 'node:crypto';

export function makePod(name: string, image: string): object {
  const env = Array.from({ length: 34 }, (_, index) => ({ name: `SETTING_NUMBER_${index}`, value: `value-${index}-${'x'.repeat(40)}` }));
  const probe = { httpGet: { path: '/healthz', port: 8080, scheme: 'HTTP' }, initialDelaySeconds: 5, periodSeconds: 10, timeoutSeconds: 1, successThreshold: 1, failureThreshold: 3 };
  const container = (at: number, probes: object = { livenessProbe: probe, readinessProbe: probe }): object => ({
    name: `container-${at}`, image, env, ...probes, imagePullPolicy: 'IfNotPresent', terminationMessagePath: '/dev/termination-log',
    resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } }, ports: [{ containerPort: 8080, name: 'http', protocol: 'TCP' }],
    volumeMounts: [{ name: 'config', mountPath: '/etc/config', readOnly: true }, { name: 'data', mountPath: '/data' }],
  });
  return {
    apiVersion: 'v1', kind: 'Pod',
    metadata: {
      name, labels: { 'app': 'payments-api', 'app.kubernetes.io/part-of': 'payments', 'pod-template-hash': '7c9d5b6f4' },
      annotations: Object.fromEntries(Array.from({ length: 12 }, (_, index) => [`example.com/annotation-${index}`, 'y'.repeat(120)])),
    },
    spec: {
      containers: [container(0), container(1), container(2), container(3)], initContainers: [container(4, {})],
      volumes: [{ name: 'config', configMap: { name: 'api' } }, { name: 'data', emptyDir: {} }],
      tolerations: [{ key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 }], serviceAccountName: 'api', terminationGracePeriodSeconds: 30,
    },
  };
}

/** Each of another image, numbered from `first`. */
export function makeReviews(variants: number, first = 0): string[] {
  return Array.from({ length: variants }, (_, index) => {
    const image = `registry.internal/payments/api@sha256:${(first + index).toString(16).padStart(64, '0')}`;
    return JSON.stringify({
      apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview',
      request: {
        uid: randomUUID(), kind: { group: '', version: 'v1', kind: 'Pod' }, resource: { group: '', version: 'v1', resource: 'pods' }, namespace: 'payments', operation: 'CREATE',
        userInfo: { username: 'system:serviceaccount:kube-system:replicaset-controller', groups: ['system:serviceaccounts', 'system:authenticated'] },
        object: makePod(`api-7c9d5b6f4-${index}`, image), oldObject: null, dryRun: false, options: { apiVersion: 'meta.k8s.io/v1', kind: 'CreateOptions' },
      },
    });
  });
}
