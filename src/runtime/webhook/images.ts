/**
 * Every place where a Pod names an image. A place forgotten here is an image that nobody judges, as has happened to others
 * with ephemeral containers and image volumes; a test compares this list with the Kubernetes API's own schema.
 */
import { checkList, checkObject, checkText, type JsonObject } from '../../bytes/json-checks.ts';
import type { Problem } from '../../contract/errors.ts';

/** One use of an image: the field that names it and the name as it stands there. */
export interface ImageUse {
  readonly where: string;
  readonly name: string;
}

const containerLists = ['containers', 'initContainers', 'ephemeralContainers'] as const;

/** All uses in the order of the Pod; what cannot be read is added to `problems`. */
export function listImages(podSpec: JsonObject, where: string, problems: Problem[]): ImageUse[] {
  const uses: ImageUse[] = [];
  const add = (place: string, value: unknown) => uses.push({ where: place, name: checkText(value, place, problems) });
  for (const list of containerLists) {
    checkList(podSpec[list], `${where}.${list}`, problems).forEach((item, index) => {
      const place = `${where}.${list}[${index}]`;
      add(`${place}.image`, checkObject(item, place, problems)['image']);
    });
  }
  checkList(podSpec['volumes'], `${where}.volumes`, problems).forEach((item, index) => {
    const place = `${where}.volumes[${index}]`;
    const { image } = checkObject(item, place, problems);
    if (image !== undefined && image !== null) add(`${place}.image.reference`, checkObject(image, `${place}.image`, problems)['reference']);
  });
  return uses;
}
