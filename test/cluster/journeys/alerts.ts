/** What Prometheus says of the plane's alerts. */
import { eventually } from '../../peers/harness/commands.ts';
import type { Walk } from './walk.ts';

interface Alert {
  readonly state: 'pending' | 'firing';
  readonly labels: Readonly<Record<string, string>>;
}

export class Alerts {
  readonly #walk: () => Walk;
  /** All that fired. */
  readonly fired = new Set<string>();

  constructor(walk: () => Walk) {
    this.#walk = walk;
  }

  /** Names of those that fire; that of a certificate with the certificate. */
  async firing(): Promise<string[]> {
    const response = await fetch(`http://127.0.0.1:${this.#walk().stage.port('prometheus')}/api/v1/alerts`);
    const { data } = (await response.json()) as { data: { alerts: Alert[] } };
    const names = data.alerts.filter(({ state }) => state === 'firing').map(({ labels }) => [labels['alertname'], labels['certificate']].filter(Boolean).join(' '));
    for (const name of names) this.fired.add(name);
    return [...new Set(names)].sort();
  }

  /** Waits until it fires. */
  begins(name: string, seconds: number): Promise<void> {
    return eventually(async () => {
      if (!(await this.firing()).includes(name)) throw new Error(`${name} does not fire`);
    }, seconds);
  }

  /** Waits until it does not. */
  ends(name: string, seconds: number): Promise<void> {
    return eventually(async () => {
      if ((await this.firing()).includes(name)) throw new Error(`${name} still fires`);
    }, seconds);
  }

  /** Waits until none fires. */
  allEnd(seconds: number): Promise<void> {
    return eventually(async () => {
      const names = await this.firing();
      if (names.length > 0) throw new Error(`still firing: ${names.join(', ')}`);
    }, seconds);
  }
}
