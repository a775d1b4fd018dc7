#!/usr/bin/env node
/** zastava-webhook: judges Pods before they are admitted. */
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { ZastavaError } from '../../contract/errors.ts';
import { metrics as catalogue } from '../../contract/metrics.ts';
import { adminSocketName } from '../../contract/programs.ts';
import { createResolver } from '../../registry/resolver.ts';
import { invalidateCommand } from '../authority/invalidate-command.ts';
import { openAuthority } from '../authority/open-authority.ts';
import { openScanner } from '../scanner/open-scanner.ts';
import { serveAdminSocket } from '../telemetry/admin-socket.ts';
import { invalidateOpTok, runProgram, type ProgramContext } from '../telemetry/program.ts';
import { listen } from '../telemetry/servers.ts';
import { createAdmit } from './admit.ts';
import { obtainServingCertificate, renewServingCertificate } from './certificate-renewal.ts';
import type { SigningOptions } from './certificate-request.ts';
import { InFlight } from './in-flight.ts';
import { openKubernetesApi, type KubernetesApi } from './kubernetes-api.ts';
import { checkHandshake, watchHandshake } from './readiness.ts';
import { watchRegistration } from './registration.ts';
import { createWebhookServer, secureContextOf } from './server.ts';
import { readServingCertificate, watchServingCertificate, type ServingCertificate } from './serving-certificate.ts';

await runProgram({
  component: 'webhook',
  summary: 'Answers AdmissionReviews of Pods over HTTPS: asks the runtime policy of Scanner about each image and allows or denies.',
  commands: [invalidateOpTok],
  outlivesMistakes: true,
  start: startWebhook,
});

async function startWebhook(context: ProgramContext) {
  const { values, settings, log, metrics, unready, draining } = context;
  const { runtime, webhook } = values.zastava;
  const { caBundle } = webhook.tls;
  const api = await openKubernetesApi(process.env);
  const authority = await openAuthority({ runtime, mounts: settings.authorityDir, log, metrics });
  const scanner = openScanner({ backend: runtime.backend, authority, metrics, component: 'webhook' });
  const resolve = createResolver({ registries: webhook.registries });
  await serveAdminSocket(join(settings.scratchDir, adminSocketName), invalidateCommand(runtime.authority.audience, authority.tokens, log));

  const signing = signingOptions(context, api);
  const first = signing === undefined ? await readServingCertificate(settings.tlsDir) : await waitFor(context, obtainServingCertificate(signing));
  const server = createWebhookServer({
    certificate: first,
    admit: createAdmit({ webhook, ask: scanner.ask, resolve, log, metrics }),
    inFlight: new InFlight(metrics),
    draining,
    log,
    observeMs: (duration) => metrics.observe(catalogue.admissionDuration, { stage: 'total' }, duration),
  });
  const port = await listen(server, settings.webhookPort);
  log.info({ scope: 'admission', port, certificateNotAfter: first.notAfter.toISOString() }, 'listening');

  measureAtScrape(context);
  const checkAgain = await watchHandshake({ port, caBundle, unready, log });
  const compareAgain = watchRegistration({ api, zastava: values.zastava, handshake: (ca) => checkHandshake(port, ca), log });
  const use = (certificate: ServingCertificate): void => {
    server.setSecureContext(secureContextOf(certificate));
    showEnd(context, certificate);
    void checkAgain();
    void compareAgain();
  };
  showEnd(context, first);
  void (signing === undefined ? watchServingCertificate(settings.tlsDir, first, use, log) : renewServingCertificate(signing, first, use));
  return { servers: [server] };
}

/** Undefined when the certificate comes from a Secret. */
function signingOptions({ values, log }: ProgramContext, api: KubernetesApi | undefined): SigningOptions | undefined {
  const { mode, signerName, autoApprove } = values.zastava.webhook.tls;
  if (mode !== 'csr') return undefined;
  if (api === undefined) throw new ZastavaError('environment', 'zastava.webhook.tls.mode is "csr", and this is no Pod with a ServiceAccount token: there is no API server to ask for a certificate');
  return { signerName: signerName ?? '', autoApprove, api, log };
}

async function waitFor({ unready }: ProgramContext, certificate: Promise<ServingCertificate>): Promise<ServingCertificate> {
  const reason = 'certificate: waiting for the signer';
  unready.add(reason);
  const given = await certificate;
  unready.delete(reason);
  return given;
}

function showEnd({ metrics }: ProgramContext, { notAfter }: ServingCertificate): void {
  metrics.set(catalogue.certificateNotAfter, { certificate: 'webhookServing' }, notAfter.getTime() / 1000);
}

function measureAtScrape({ values, metrics }: ProgramContext): void {
  const { failOpenNamespaces, tls } = values.zastava.webhook;
  const ends = endsOf(tls.caBundle ?? '');
  if (ends.length > 0) metrics.set(catalogue.certificateNotAfter, { certificate: 'webhookCa' }, Math.min(...ends) / 1000);
  metrics.beforeScrape(() => {
    const expired = failOpenNamespaces.filter(({ until }) => until !== undefined && new Date(until) <= new Date()).length;
    metrics.set(catalogue.failOpenNamespaces, { state: 'inForce' }, failOpenNamespaces.length - expired);
    metrics.set(catalogue.failOpenNamespaces, { state: 'expired' }, expired);
  });
}

/** Of each certificate in PEM, in milliseconds; what is none has no end, and no handshake passes with it. */
function endsOf(pem: string): number[] {
  return (pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? []).flatMap((certificate) => {
    try {
      return [new X509Certificate(certificate).validToDate.getTime()];
    } catch {
      return [];
    }
  });
}
