/** The question to Scanner's runtime policy and its answer (contract section 4). */
import { checkList, checkObject, checkText, type JsonObject } from '../../bytes/json-checks.ts';
import type { Values } from '../../config/schema.ts';
import type { PolicyVerdict } from '../../contract/admission.ts';
import { ZastavaError, type Problem } from '../../contract/errors.ts';
import type { Component } from '../../contract/label-values.ts';
import { metrics as catalogue } from '../../contract/metrics.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { ScannerResponse, Send } from './send.ts';

export interface PolicyQuestion {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `repo@sha256:…` */
  readonly images: readonly string[];
}

export interface ImageVerdict {
  readonly policyVerdict: PolicyVerdict;
  readonly signed: boolean;
  readonly hasSbomReferrers: boolean;
  readonly reasons: readonly string[];
  readonly buildIds?: readonly string[];
  readonly quieted?: boolean;
}

export interface PolicyAnswer {
  readonly ttlSeconds: number;
  readonly expiresAt: Date;
  readonly policyRevision: string;
  /** By the image as sent. */
  readonly results: ReadonlyMap<string, ImageVerdict>;
}

/** @param deadlineAt on performance.now()'s clock, ms */
export type AskPolicy = (question: PolicyQuestion, deadlineAt: number) => Promise<PolicyAnswer>;

interface PolicyParts {
  readonly send: Send;
  readonly backend: Values['zastava']['runtime']['backend'];
  readonly metrics: Metrics;
  readonly component: Component;
}

const verdicts = ['pass', 'warn', 'fail', 'error'] as const satisfies readonly PolicyVerdict[];
const ttlSecondsMax = 86_400;
const textsMax = 64;
const textCharactersMax = 1024;
/** Of an answer, as they go into a log line. */
const problemsMax = 100;
/** Milliseconds before the caller's own end, so that he hears what was waited for. */
const reportMs = 25;

/** @returns a call that throws `scanner.*` and `authority.*` */
export function createAskPolicy({ send, backend, metrics, component }: PolicyParts): AskPolicy {
  const url = new URL(backend.baseAddress.replace(/\/+$/, '') + backend.policyPath);
  metrics.count(catalogue.policyWithoutBuildIds, { component }, 0);
  return async (question, deadlineAt) => {
    const ownDeadline = performance.now() + backend.requestTimeoutSeconds * 1000;
    const response = await send({ endpoint: 'policy', url, body: JSON.stringify(question), deadlineAt: Math.min(deadlineAt - reportMs, ownDeadline) });
    requireOk(response);
    const answer = parseAnswer(response.body, question.images);
    for (const { buildIds } of answer.results.values()) if (buildIds === undefined) metrics.count(catalogue.policyWithoutBuildIds, { component });
    return answer;
  };
}

/** @throws `scanner.*` for an answer that is none */
function requireOk({ status, body }: ScannerResponse): void {
  if (status === 200) return;
  const why = `Scanner answered ${status}${titleOf(body)}`;
  if (status === 429) throw new ZastavaError('scanner.throttled', why);
  if (status >= 500) throw new ZastavaError('scanner.unavailable', why);
  throw new ZastavaError('scanner.rejected', why);
}

/** Title of a problem document (RFC 9457), in one short line, without long words: a server may send back what it got, a token too. */
function titleOf(body: Uint8Array): string {
  try {
    const { title } = JSON.parse(Buffer.from(body).toString('utf8')) as { title?: unknown };
    return typeof title === 'string' ? `: ${title.replace(/[^\x20-\x7e]+/g, ' ').replace(/[\w.~+/=-]{40,}/g, '…').slice(0, 200)}` : '';
  } catch {
    return '';
  }
}

/** @throws `scanner.answer-invalid` with every problem. Each image that was asked about has a verdict, and no other. */
function parseAnswer(body: Uint8Array, images: readonly string[]): PolicyAnswer {
  const problems: Problem[] = [];
  const answer = checkObject(parseJson(body), '(answer)', problems);
  const results = checkObject(answer['results'], 'results', problems);
  const lacking = images.filter((image) => !Object.hasOwn(results, image));
  const extra = new Set(Object.keys(results)).difference(new Set(images));
  if (lacking.length > 0) problems.push({ where: 'results', expected: `a verdict on ${lacking.join(', ')}`, found: 'none' });
  if (extra.size > 0) problems.push({ where: 'results', expected: 'verdicts on what was asked about', found: `${extra.size} on other images` });
  const parsed: PolicyAnswer = {
    ttlSeconds: checkNumber(answer['ttlSeconds'], 'ttlSeconds', problems),
    expiresAt: checkTime(answer['expiresAtUtc'], 'expiresAtUtc', problems),
    policyRevision: checkText(answer['policyRevision'], 'policyRevision', problems).slice(0, textCharactersMax),
    results: new Map(images.filter((image) => Object.hasOwn(results, image)).map((image) => [image, parseVerdict(results[image], `results[${JSON.stringify(image)}]`, problems)])),
  };
  if (problems.length > 0) throw invalid('an answer of the contract', problems);
  return parsed;
}

function parseVerdict(value: unknown, where: string, problems: Problem[]): ImageVerdict {
  const verdict: JsonObject = checkObject(value, where, problems);
  const texts = (name: string): string[] =>
    checkList(verdict[name], `${where}.${name}`, problems).slice(0, textsMax).map((text, index) => checkText(text, `${where}.${name}[${index}]`, problems).slice(0, textCharactersMax));
  const buildIds = verdict['buildIds'];
  const quieted = verdict['quieted'];
  return {
    policyVerdict: checkText(verdict['policyVerdict'], `${where}.policyVerdict`, problems, verdicts) as PolicyVerdict,
    signed: checkFlag(verdict['signed'], `${where}.signed`, problems),
    hasSbomReferrers: checkFlag(verdict['hasSbomReferrers'], `${where}.hasSbomReferrers`, problems),
    reasons: texts('reasons'),
    ...(buildIds !== undefined && buildIds !== null && { buildIds: texts('buildIds') }),
    ...(quieted !== undefined && quieted !== null && { quieted: checkFlag(quieted, `${where}.quieted`, problems) }),
  };
}

function checkFlag(value: unknown, where: string, problems: Problem[]): boolean {
  if (typeof value === 'boolean') return value;
  problems.push({ where, expected: 'true or false', found: value === undefined ? 'nothing' : typeof value });
  return false;
}

function checkTime(value: unknown, where: string, problems: Problem[]): Date {
  const text = checkText(value, where, problems);
  const time = new Date(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/.test(text) ? text : Number.NaN);
  if (text !== '' && Number.isNaN(time.getTime())) problems.push({ where, expected: 'a time (RFC 3339)', found: 'another text' });
  return time;
}

function checkNumber(value: unknown, where: string, problems: Problem[]): number {
  if (typeof value === 'number' && value >= 0 && Number.isFinite(value)) return Math.min(value, ttlSecondsMax);
  problems.push({ where, expected: 'a number of seconds', found: value === undefined ? 'nothing' : typeof value });
  return 0;
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    throw invalid('JSON in UTF-8', [{ where: '(answer)', expected: 'JSON in UTF-8', found: 'something else' }]);
  }
}

function invalid(expected: string, problems: readonly Problem[]): ZastavaError {
  const list = problems.slice(0, 5).map(({ where, expected: wanted, found }) => `${where}: expected ${wanted}, found ${found}`).join('; ');
  const more = problems.length > 5 ? `; and ${problems.length - 5} more` : '';
  return new ZastavaError('scanner.answer-invalid', `Scanner did not give ${expected}: ${list}${more}`, { problems: problems.slice(0, problemsMax) });
}
