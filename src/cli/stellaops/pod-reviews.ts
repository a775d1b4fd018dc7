/** Pods as the webhook would be asked about them: of one image, of a file, of a running Pod. */
import { parseAllDocuments } from 'yaml';
import { checkList, checkObject, type JsonObject } from '../../bytes/json-checks.ts';
import { admissionReviewType } from '../../contract/admission.ts';
import { ZastavaError } from '../../contract/errors.ts';
import { readReview, type PodReview } from '../../runtime/webhook/review.ts';

/** A Pod to be judged. */
export interface NamedReview {
  /** How a person calls where it comes from. */
  readonly source: string;
  readonly review: PodReview;
  /** The same with digests in place of tags, where they are known. Default: `review`. */
  readonly pinned?: PodReview;
}

/** What makes Pods. Others may, too, and are known by the containers in their template. */
const workloadKinds = ['CronJob', 'DaemonSet', 'Deployment', 'Job', 'PodTemplate', 'ReplicaSet', 'ReplicationController', 'StatefulSet'];

export function reviewOfImage(image: string, namespace: string): PodReview {
  return reviewOf({ metadata: { name: 'policy-test' }, spec: { containers: [{ name: 'image', image }] } }, namespace);
}

/** Every Pod of a file: Pods, and the templates of what makes Pods. @throws `usage` when there is none */
export function reviewsOfFile(text: string, path: string, namespace: string): NamedReview[] {
  const documents = parseAllDocuments(text);
  const [broken] = documents.flatMap(({ errors }) => errors);
  if (broken) throw new ZastavaError('usage', `${path} is not YAML: ${broken.message.split('\n', 1)[0]}`);
  const reviews = documents.flatMap((document) => podsOf(document.toJS() as unknown)).map(({ source, pod }) => {
    const own = objectAt(pod, 'metadata')['namespace'];
    return { source, review: reviewOf(pod, typeof own === 'string' ? own : namespace) };
  });
  if (reviews.length === 0) throw new ZastavaError('usage', `${path} has neither a Pod nor something that makes Pods`);
  return reviews;
}

export function reviewOfRunning(pod: JsonObject): NamedReview {
  const { namespace, name } = objectAt(pod, 'metadata');
  const review = reviewOf(pod, String(namespace));
  const digests = runningDigests(pod);
  const images = review.images.map((image) => {
    const digest = digests.get(image.name);
    return digest === undefined || !image.reference || image.reference.digest !== undefined ? image : { ...image, reference: { ...image.reference, digest } };
  });
  return { source: `${String(namespace)}/${String(name)}`, review, pinned: { ...review, images } };
}

/** Image, as the Pod names it → the digest that runs. An image that was imported under no name has none. */
function runningDigests(pod: JsonObject): Map<string, string> {
  const [spec, status] = [objectAt(pod, 'spec'), objectAt(pod, 'status')];
  return new Map(['container', 'initContainer', 'ephemeralContainer'].flatMap((kind) => {
    const images = new Map(checkList(spec[`${kind}s`], kind, []).map((each) => checkObject(each, kind, [])).map(({ name, image }) => [name, String(image)]));
    return checkList(status[`${kind}Statuses`], kind, []).flatMap((each): [string, string][] => {
      const { name, imageID } = checkObject(each, kind, []);
      const [image, digest] = [images.get(name), /@(sha256:[0-9a-f]{64})$/.exec(String(imageID))?.[1]];
      return image === undefined || digest === undefined ? [] : [[image, digest]];
    });
  }));
}

function reviewOf(pod: JsonObject, namespace: string): PodReview {
  const metadata = objectAt(pod, 'metadata');
  const named = { ...pod, apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, name: metadata['name'] ?? metadata['generateName'] ?? 'unnamed' } };
  return readReview({ ...admissionReviewType, request: { uid: 'policy-test', operation: 'CREATE', namespace, object: named, dryRun: true } });
}

function podsOf(value: unknown): { source: string; pod: JsonObject }[] {
  const object = checkObject(value, '', []);
  const [kind, metadata, spec] = [String(object['kind']), objectAt(object, 'metadata'), objectAt(object, 'spec')];
  const source = `${kind} ${String(metadata['name'] ?? metadata['generateName'] ?? '')}`.trim();
  if (kind.endsWith('List')) return checkList(object['items'], 'items', []).flatMap(podsOf);
  if (kind === 'Pod') return [{ source, pod: object }];
  const template = objectAt(kind === 'CronJob' ? objectAt(objectAt(spec, 'jobTemplate'), 'spec') : kind === 'PodTemplate' ? object : spec, 'template');
  if (!workloadKinds.includes(kind) && !Array.isArray(objectAt(template, 'spec')['containers'])) return [];
  return [{ source, pod: { ...template, metadata: { name: metadata['name'], namespace: metadata['namespace'], ...objectAt(template, 'metadata') } } }];
}

/** A member that may be absent, or be something else. */
function objectAt(object: JsonObject, name: string): JsonObject {
  return checkObject(object[name], name, []);
}
