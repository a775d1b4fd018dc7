/** A program's own log, kept line by line. */
import { Writable } from 'node:stream';
import { createLogTo } from '../../src/runtime/telemetry/logs.ts';
import type { Log } from '../../src/runtime/telemetry/logs.ts';

type Line = Readonly<Record<string, unknown>>;

export class RecordedLog {
  text = '';
  readonly log: Log;

  constructor(component: 'observer' | 'webhook' = 'webhook') {
    const stream = new Writable({
      write: (chunk: Buffer, _, done) => {
        this.text += chunk.toString();
        done();
      },
    });
    this.log = createLogTo(component, stream);
  }

  get lines(): Line[] {
    return this.text.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Line);
  }

  /** The first line with this message and these fields. */
  find(message: string, fields: Line = {}): Line | undefined {
    return this.lines.find((line) => line['msg'] === message && Object.entries(fields).every(([name, value]) => line[name] === value));
  }
}
