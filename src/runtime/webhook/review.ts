/**
 * AdmissionReview (admission.k8s.io/v1) → what the webhook needs to know of it. What is wrong with it is kept in `problems`: whoever
 * sent a uid gets an answer with that uid, since the API server may take a failed call for "allowed".
 */
import { checkObject, checkText, type JsonObject } from '../../bytes/json-checks.ts';
import { parseImageReference, type ImageReference } from '../../bytes/image-reference.ts';
import { admissionLimits, admissionReviewType, admissionScope, labelsOfOnePod } from '../../contract/admission.ts';
import { ZastavaError, type Problem } from '../../contract/errors.ts';
import { listImages, type ImageUse } from './images.ts';

/** An image that a Pod names, once or several times. */
export interface PodImage {
  readonly name: string;
  /** The fields that name it, from the object on (`spec.containers[0].image`). */
  readonly where: readonly string[];
  /** undefined: containerd would not accept the name. */
  readonly reference: ImageReference | undefined;
}

export interface PodReview {
  readonly uid: string;
  /** Empty when it cannot be read. */
  readonly namespace: string;
  /** The Pod's name, or what the API server will make one from (`api-7c9d-`). */
  readonly podName: string;
  readonly podSpec: JsonObject;
  /** Those that the policy is asked with. */
  readonly labels: Readonly<Record<string, string>>;
  readonly images: readonly PodImage[];
  /** An update after which the Pod names the same images at the same places. */
  readonly imagesUnchanged: boolean;
  readonly dryRun: boolean;
  /** Why it cannot be judged. */
  readonly problems: readonly Problem[];
}

/** @throws `admission.review-invalid` when there is no uid to answer to */
export function parseReview(body: Uint8Array): PodReview {
  return readReview(parseJson(body));
}

/** The same for JSON that was read already. @throws `admission.review-invalid` */
export function readReview(value: unknown): PodReview {
  const problems: Problem[] = [];
  const review = checkObject(value, '(body)', problems);
  checkText(review['apiVersion'], 'apiVersion', problems, [admissionReviewType.apiVersion]);
  checkText(review['kind'], 'kind', problems, [admissionReviewType.kind]);
  const request = checkObject(review['request'], 'request', problems);
  const uid = checkText(request['uid'], 'request.uid', problems);
  const { uidCharactersMax } = admissionLimits;
  if (uid.length > uidCharactersMax) problems.push({ where: 'request.uid', expected: `at most ${uidCharactersMax} characters`, found: String(uid.length) });
  if (uid === '' || uid.length > uidCharactersMax) throw invalid('the request has no uid to answer to', { problems });

  checkText(request['operation'], 'request.operation', problems, admissionScope.operations);
  checkText(request['subResource'] ?? '', 'request.subResource', problems, admissionScope.subResources);
  const pod = checkObject(request['object'], 'request.object', problems);
  checkText(pod['apiVersion'], 'request.object.apiVersion', problems, ['v1']);
  checkText(pod['kind'], 'request.object.kind', problems, ['Pod']);
  const metadata = checkObject(pod['metadata'], 'request.object.metadata', problems);
  const podSpec = checkObject(pod['spec'], 'request.object.spec', problems);
  const uses = listImages(podSpec, 'spec', problems);
  return {
    uid,
    namespace: checkName(request['namespace'], 'request.namespace', problems),
    podName: checkName(metadata['name'] ?? metadata['generateName'], 'request.object.metadata.name', problems),
    podSpec,
    labels: readLabels(metadata['labels'], problems),
    images: readImages(uses, problems),
    imagesUnchanged: request['operation'] === 'UPDATE' && namesSameImages(request['oldObject'], uses),
    dryRun: request['dryRun'] === true,
    problems,
  };
}

/** Names of Kubernetes: with others a log line could be made to say anything. */
function checkName(value: unknown, where: string, problems: Problem[]): string {
  const name = checkText(value, where, problems);
  if (name === '' || /^[a-z0-9][a-z0-9.-]{0,252}$/.test(name)) return name;
  problems.push({ where, expected: 'a name of a-z, 0-9, - and . (at most 253)', found: 'another text' });
  return '';
}

function readLabels(value: unknown, problems: Problem[]): Record<string, string> {
  const labels = Object.entries(value === undefined || value === null ? {} : checkObject(value, 'request.object.metadata.labels', problems));
  const isText = (text: unknown): text is string => typeof text === 'string' && text.isWellFormed();
  for (const [name, label] of labels) {
    if (!isText(name) || !isText(label)) problems.push({ where: `request.object.metadata.labels.${name.slice(0, 80)}`, expected: 'a text', found: 'something else' });
  }
  return Object.fromEntries(labels.filter((entry): entry is [string, string] => entry.every(isText) && !labelsOfOnePod.includes(entry[0])));
}

function readImages(uses: readonly ImageUse[], problems: Problem[]): PodImage[] {
  const places = Map.groupBy(uses, ({ name }) => name);
  const { imagesMax, imageNameCharactersMax } = admissionLimits;
  if (places.size > imagesMax) {
    problems.push({ where: 'request.object.spec', expected: `at most ${imagesMax} different images`, found: String(places.size) });
    return [];
  }
  return [...places].map(([name, sameName]) => ({
    name: name.slice(0, imageNameCharactersMax),
    where: sameName.map(({ where }) => where),
    reference: parseImageReference(name),
  }));
}

function namesSameImages(oldPod: unknown, uses: readonly ImageUse[]): boolean {
  const problems: Problem[] = [];
  const old = listImages(checkObject(checkObject(oldPod, '', problems)['spec'], '', problems), 'spec', problems);
  return problems.length === 0 && old.length === uses.length && old.every(({ where, name }, index) => where === uses[index]?.where && name === uses[index].name);
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
