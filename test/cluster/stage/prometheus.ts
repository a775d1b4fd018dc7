/** A real Prometheus on the node: scrapes the programs' telemetry ports, and reads the rules of its rules.d. */
import { join } from 'node:path';
import { namespace, partOf } from '../../../src/contract/names.ts';
import { programPorts } from '../../../src/contract/programs.ts';
import { peer } from '../../peers/harness/peers.ts';
import type { ControlPlane } from './control-plane.ts';
import type { StageFolder } from './folder.ts';
import { nodeAddress, ports } from './names.ts';
import type { NodeRoom } from './node-room.ts';

export function startPrometheus(folder: StageFolder, room: NodeRoom, plane: ControlPlane): void {
  const targets = folder.at('prometheus/targets.json');
  const config = folder.write('prometheus/prometheus.yml', {
    global: { scrape_interval: '5s', evaluation_interval: '5s' },
    rule_files: [`${folder.dir('prometheus/rules.d')}/*.yaml`],
    scrape_configs: [{ job_name: 'zastava', file_sd_configs: [{ files: [targets] }] }],
  });
  room.start('targets', [process.execPath, join(import.meta.dirname, 'targets.ts'), plane.kubeconfig('prometheus'), namespace, `app.kubernetes.io/part-of=${partOf}`, String(programPorts.telemetry), targets]);
  room.start('prometheus', [peer('prometheus'), '--config.file', config, '--storage.tsdb.path', folder.dir('prometheus/data'), '--web.listen-address', `${nodeAddress}:${ports.prometheus}`, '--web.enable-lifecycle', '--log.level', 'warn']);
}
