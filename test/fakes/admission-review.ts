/** An AdmissionReview as an API server sends one for a new Pod that names an image in every way a Pod can. */
import type { JsonObject } from '../../src/bytes/json-checks.ts';

export const reviewUid = '705ab4f5-6393-11e8-b7cc-42010a800002';

export const podSpec: JsonObject = {
  containers: [{ name: 'api', image: 'registry.internal/payments/api:2.3' }],
  initContainers: [{ name: 'migrate', image: 'registry.internal/payments/migrate@sha256:0f3b1c0a4a0d9f2b7c7c9f3f6b0d7e0c2f8c4d1e5a6b7c8d9e0f1a2b3c4d5e6f' }],
  ephemeralContainers: [{ name: 'debug', image: 'busybox' }],
  volumes: [
    { name: 'scratch', emptyDir: {} },
    { name: 'model', image: { reference: 'registry.internal/models/fraud:7', pullPolicy: 'IfNotPresent' } },
  ],
};

/** @param request Members that replace or add to those of the request. */
export function admissionReview(request: JsonObject = {}, review: JsonObject = {}): JsonObject {
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: reviewUid,
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      namespace: 'payments',
      operation: 'CREATE',
      userInfo: { username: 'system:serviceaccount:kube-system:replicaset-controller' },
      object: { apiVersion: 'v1', kind: 'Pod', metadata: { generateName: 'api-7c9d5b6f4-', namespace: 'payments' }, spec: podSpec },
      oldObject: null,
      dryRun: false,
      ...request,
    },
    ...review,
  };
}
