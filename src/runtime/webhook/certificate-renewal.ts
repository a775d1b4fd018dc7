/**
 * The serving certificate in CSR mode over the life of the process: the first one is waited for, and at two thirds of its life
 * each is replaced. A request that comes to nothing is made again, later each time; what is in use goes on serving.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { requestCertificate, type SigningOptions } from './certificate-request.ts';
import type { ServingCertificate, UseCertificate } from './serving-certificate.ts';

/** Milliseconds between requests that came to nothing, doubled each time: every one is an object in the cluster for an hour. */
const againMs = { first: 10_000, last: 15 * 60_000 } as const;

/** What a timer can count. */
const timerMsMax = 2 ** 31 - 1;

/** The first one: without, there is nothing to serve with. */
export function obtainServingCertificate(options: SigningOptions): Promise<ServingCertificate> {
  return requestUntilUsed(options, 'no serving certificate yet; asking again');
}

/** Replaces it for as long as the process lives. */
export async function renewServingCertificate(options: SigningOptions, first: ServingCertificate, use: UseCertificate): Promise<never> {
  const { log, pause = sleep } = options;
  for (let inUse = first; ; ) {
    for (let left = renewalDelayMs(inUse, Date.now()); left > 0; left -= timerMsMax) await pause(Math.min(left, timerMsMax));
    inUse = await requestUntilUsed(options, `serving certificate not renewed; the last one stays until ${inUse.notAfter.toISOString()}; asking again`, use);
    log.info({ scope: 'admission.certificate', certificateNotAfter: inUse.notAfter.toISOString() }, 'serving certificate renewed');
  }
}

/** Until a new one is to be asked for: at two thirds of its life, but not at once. */
export function renewalDelayMs({ notBefore, notAfter }: Pick<ServingCertificate, 'notBefore' | 'notAfter'>, now: number): number {
  return Math.max(againMs.first, notBefore.getTime() + ((notAfter.getTime() - notBefore.getTime()) * 2) / 3 - now);
}

async function requestUntilUsed(options: SigningOptions, otherwise: string, use: UseCertificate = () => {}): Promise<ServingCertificate> {
  const { log, pause = sleep } = options;
  for (let again: number = againMs.first; ; again = Math.min(again * 2, againMs.last)) {
    try {
      const given = await requestCertificate(options);
      use(given);
      return given;
    } catch (error) {
      // Replicas that were refused together do not ask again together.
      const waitMs = Math.round(again * (0.75 + Math.random() / 2));
      log.error({ scope: 'admission.certificate', error, againInSeconds: Math.round(waitMs / 1000) }, otherwise);
      await pause(waitMs);
    }
  }
}
