/** With `tls.mode: csr`: would the API server take our requests for that signer? Tried by one that is not kept. */
import { namespace, objectNames } from '../../../contract/names.ts';
import type { PreflightFinding } from '../../../contract/preflight.ts';
import { messageOf, type ApiServer } from '../../cluster/api-server.ts';

/** PKCS#10 for the webhook's name, by a key that was thrown away; a request is public. */
const sampleRequest = `-----BEGIN CERTIFICATE REQUEST-----
MIIBETCBuQIBADAcMRowGAYDVQQKDBF6YXN0YXZhLXByZWZsaWdodDBZMBMGByqG
SM49AgEGCCqGSM49AwEHA0IABPd8/YdWzLpNdBSdUsQfv9JSISMDYTQeAUgVI3gY
hIGraiQNpzBk+NtmRNytEtvLKWfkhx7fCAG7fCI7Feib/gegOzA5BgkqhkiG9w0B
CQ4xLDAqMCgGA1UdEQQhMB+CHXphc3RhdmEtd2ViaG9vay5zdGVsbGFvcHMuc3Zj
MAoGCCqGSM49BAMCA0cAMEQCIATws0X13VKJCp3i/n4lggHqsHBi46Lfcj6Oruko
R7HpAiBofFHpCJGUOjwe/Lt9CupASkoI4CLBZDyE8SgZRoJo/w==
-----END CERTIFICATE REQUEST-----
`;

export async function checkSigner(api: ApiServer, signerName: string): Promise<PreflightFinding> {
  const check = 'signer of serving certificates';
  const answer = await api.call('POST', '/apis/certificates.k8s.io/v1/certificatesigningrequests?dryRun=All', {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name: `${objectNames.webhook}-preflight-${namespace}` },
    spec: { request: Buffer.from(sampleRequest).toString('base64'), signerName, usages: ['digital signature', 'server auth'] },
  });
  if (answer.status !== 201) return { check, outcome: 'failed', found: `${signerName}: ${messageOf(answer)}`, todo: 'see zastava.webhook.tls.signerName' };
  if (signerName.startsWith('kubernetes.io/')) return { check, outcome: 'failed', found: `${signerName} is one of Kubernetes itself, and none of these signs for webhooks`, todo: "name the site's own signer in zastava.webhook.tls.signerName" };
  return { check, outcome: 'ok', found: `requests for ${signerName} are taken; that somebody signs them shows with the first one` };
}
