/**
 * A policy in a file, for judging without Scanner: an answer of Scanner (contract section 4) as `--json` prints it, or the same
 * by hand, with `default` for images that it does not name.
 */
import { parse } from 'yaml';
import { checkList, checkObject, checkText } from '../../bytes/json-checks.ts';
import type { PolicyVerdict } from '../../contract/admission.ts';
import { ZastavaError, type Problem } from '../../contract/errors.ts';
import type { ImageVerdict } from '../../runtime/scanner/policy.ts';
import type { ImageAnswer } from '../../runtime/webhook/decision.ts';
import type { Find } from './judgement.ts';

/** @throws `usage` with every problem */
export function parsePolicyFile(text: string, path: string): Find {
  const problems: Problem[] = [];
  const file = checkObject(parseYaml(text, path), path, problems);
  const results = Object.entries(checkObject(file['results'] ?? {}, 'results', problems));
  const verdicts = new Map(results.map(([image, verdict]) => [image, parseVerdict(verdict, `results["${image}"]`, problems)]));
  const otherwise = file['default'] === undefined ? undefined : parseVerdict(file['default'], 'default', problems);
  if (results.length === 0 && otherwise === undefined) problems.push({ where: path, expected: 'results, or a default', found: 'neither' });
  if (problems.length > 0) throw new ZastavaError('usage', `${path} is no policy`, { problems });
  const policyRevision = typeof file['policyRevision'] === 'string' ? file['policyRevision'] : path;
  return async ({ images }) => new Map(images.map(({ name, reference }): [string, ImageAnswer] => {
    const resolved = reference?.digest === undefined ? name : `${reference.name}@${reference.digest}`;
    const verdict = [name, resolved, reference?.digest ?? ''].map((key) => verdicts.get(key)).find((found) => found !== undefined) ?? otherwise;
    return [name, verdict ? { verdict, resolved, policyRevision, ttlSeconds: 0, cached: false } : { failure: 'policy.error', detail: `${path} has no verdict on it` }];
  }));
}

function parseVerdict(value: unknown, where: string, problems: Problem[]): ImageVerdict {
  const verdict = checkObject(value, where, problems);
  return {
    policyVerdict: checkText(verdict['policyVerdict'], `${where}.policyVerdict`, problems, ['pass', 'warn', 'fail', 'error']) as PolicyVerdict,
    signed: verdict['signed'] === true,
    hasSbomReferrers: verdict['hasSbomReferrers'] === true,
    reasons: checkList(verdict['reasons'], `${where}.reasons`, problems).map((reason, index) => checkText(reason, `${where}.reasons[${index}]`, problems)),
  };
}

function parseYaml(text: string, path: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw new ZastavaError('usage', `${path} is neither YAML nor JSON: ${(error as Error).message.split('\n', 1)[0]}`);
  }
}
