#!/usr/bin/env node
/** zastava-webhook: judges Pods before they are admitted. */
import { ZastavaError } from '../../contract/errors.ts';
import { metrics as catalogue } from '../../contract/metrics.ts';
import { runProgram, type ProgramContext } from '../telemetry/program.ts';
import { listen } from '../telemetry/servers.ts';
import { createAdmit } from './admit.ts';
import { createWebhookServer } from './server.ts';
import { readServingCertificate } from './serving-certificate.ts';

await runProgram({
  component: 'webhook',
  summary: 'Answers AdmissionReviews of Pods over HTTPS. This version has no policy client: it denies every Pod it is asked about.',
  start: startWebhook,
});

async function startWebhook({ values, settings, log, metrics, draining }: ProgramContext) {
  if (values.zastava.webhook.tls.mode === 'csr') {
    throw new ZastavaError('environment', 'zastava.webhook.tls.mode is "csr", and this version cannot request its certificate yet; mount a Secret and set the mode to "secret"');
  }
  const certificate = await readServingCertificate(settings.tlsDir);
  metrics.set(catalogue.certificateNotAfter, { certificate: 'webhookServing' }, certificate.notAfter.getTime() / 1000);
  const server = createWebhookServer({
    certificate,
    admit: createAdmit(log, metrics),
    draining,
    log,
    observeMs: (duration) => metrics.observe(catalogue.admissionDuration, { stage: 'total' }, duration),
  });
  const port = await listen(server, settings.webhookPort);
  log.info({ scope: 'admission', port, certificateNotAfter: certificate.notAfter.toISOString() }, 'listening');
  log.warn({ scope: 'admission' }, 'policy client not configured: every Pod is denied');
  return [server];
}
