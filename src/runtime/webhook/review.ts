/** AdmissionReview (admission.k8s.io/v1) → what the webhook needs to know of it. Anything else is refused, with all problems at once. */
import { admissionReviewType, admissionScope } from '../../contract/admission.ts';
import { ZastavaError, type Problem } from '../../contract/errors.ts';
import { listImages, type ImageUse } from './images.ts';
import { checkObject, checkText, type JsonObject } from './json-checks.ts';

export interface PodReview {
  readonly uid: string;
  readonly namespace: string;
  /** The Pod's name, or what the API server will make one from (`api-7c9d-`). */
  readonly podName: string;
  readonly podSpec: JsonObject;
  readonly images: readonly ImageUse[];
}

/** @throws `admission.review-invalid` */
export function parseReview(body: Uint8Array): PodReview {
  const problems: Problem[] = [];
  const review = checkObject(parseJson(body), '(body)', problems);
  checkText(review['apiVersion'], 'apiVersion', problems, [admissionReviewType.apiVersion]);
  checkText(review['kind'], 'kind', problems, [admissionReviewType.kind]);
  const request = checkObject(review['request'], 'request', problems);
  checkText(request['operation'], 'request.operation', problems, admissionScope.operations);
  checkText(request['subResource'] ?? '', 'request.subResource', problems, admissionScope.subResources);

  const pod = checkObject(request['object'], 'request.object', problems);
  checkText(pod['apiVersion'], 'request.object.apiVersion', problems, ['v1']);
  checkText(pod['kind'], 'request.object.kind', problems, ['Pod']);
  const metadata = checkObject(pod['metadata'], 'request.object.metadata', problems);
  const podSpec = checkObject(pod['spec'], 'request.object.spec', problems);
  const parsed: PodReview = {
    uid: checkText(request['uid'], 'request.uid', problems),
    namespace: checkText(request['namespace'], 'request.namespace', problems),
    podName: checkText(metadata['name'] ?? metadata['generateName'], 'request.object.metadata.name', problems),
    podSpec,
    images: listImages(podSpec, 'request.object.spec', problems),
  };
  if (problems.length > 0) throw invalid('the request is not a review of a Pod that this webhook can judge', { problems });
  return parsed;
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    // The parser's own message quotes the body, and a Pod may carry secrets.
    throw invalid('the body is not JSON in UTF-8; expected an AdmissionReview', {});
  }
}

function invalid(message: string, details: { problems?: readonly Problem[] }): ZastavaError {
  return new ZastavaError('admission.review-invalid', message, details);
}
