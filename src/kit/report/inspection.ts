/**
 * The record of a receiving inspection: what verify found, what the kit brings, and what differs from the kit that was
 * accepted before. A value, from which both the page and the JSON file are made; it has no clock of its own.
 */
import type { KitRole } from '../../contract/kit-format.ts';
import { comparedKit, diffFacts, type ComparedKit } from '../diff/diff-kits.ts';
import type { Change } from '../diff/named.ts';
import type { ImageFact } from '../facts/images.ts';
import type { KitFacts, ReadKit } from '../facts/kit-facts.ts';
import type { PackageFact } from '../facts/packages.ts';
import type { RuleFact } from '../facts/rules.ts';
import { listOf, objectOf, textOf } from '../facts/documents.ts';
import type { VerifyReport } from '../verify/report.ts';

export interface InspectedAlert {
  readonly name: string;
  readonly severity: string;
  readonly expr: string;
  /** How long the condition must hold; empty: at once. */
  readonly lasting: string;
  readonly summary: string;
}

export interface InspectedObject {
  readonly kind: string;
  readonly namespace: string | null;
  readonly name: string;
  /** Who may do what: RBAC, and the accounts that it is given to. */
  readonly grants: boolean;
  /** What its Pods may do beyond the ordinary: `host processes`, `capability SYS_PTRACE`, `host path /proc`. */
  readonly privileges: readonly string[];
}

export interface InspectedContents {
  readonly images: readonly ImageFact[];
  /** Null when the kit has no SBOM. */
  readonly packages: readonly PackageFact[] | null;
  readonly alerts: readonly InspectedAlert[];
  readonly objects: readonly InspectedObject[];
  readonly files: readonly { readonly role: KitRole; readonly count: number; readonly bytes: number }[];
}

export interface Inspection {
  /** RFC 3339, seconds, UTC. */
  readonly inspectedAt: string;
  /** Program and version that looked. */
  readonly inspectedWith: string;
  /** Name of the file, without folders. */
  readonly file: string;
  /** The identity that was asked for, which the signer's certificate has, when the report is ok; null when none was. */
  readonly certificateIdentity: string | null;
  readonly verification: VerifyReport;
  /** Null when the kit does not hold: what it claims to bring is then nobody's word. */
  readonly contents: InspectedContents | null;
  /** Null when no earlier kit was given, or this one does not hold. Signatures are left out: they differ in every release. */
  readonly sincePrevious: { readonly previous: ComparedKit; readonly sameSigner: boolean; readonly changes: readonly Change[] } | null;
}

export interface InspectionInput extends Pick<Inspection, 'inspectedAt' | 'inspectedWith' | 'file' | 'certificateIdentity' | 'verification'> {
  /** Of the kit that was verified; what they say is left out when the report is not ok. */
  readonly facts: KitFacts | null;
  /** The kit accepted before, read against its own manifest. */
  readonly previous: Pick<ReadKit, 'facts' | 'sha256'> | null;
}

export function buildInspection({ facts, previous, ...input }: InspectionInput): Inspection {
  const held = input.verification.ok ? facts : null;
  return { ...input, contents: held && buildContents(held), sincePrevious: held && previous && comparePrevious(previous, held) };
}

function comparePrevious(previous: Pick<ReadKit, 'facts' | 'sha256'>, facts: KitFacts): NonNullable<Inspection['sincePrevious']> {
  const sameSigner = previous.facts.manifest.signer.keyId === facts.manifest.signer.keyId;
  return { previous: comparedKit(previous), sameSigner, changes: diffFacts(previous.facts, facts) };
}

function buildContents({ manifest, images, packages, rules, objects }: KitFacts): InspectedContents {
  const roles = [...new Set(manifest.files.map(({ role }) => role))];
  return {
    images,
    packages,
    alerts: uniqueAlerts(rules),
    objects: objects.map(({ kind, namespace, name, grants, body }) => ({ kind, namespace, name, grants, privileges: [...new Set(privilegesOf(body))].sort() })),
    files: roles.map((role) => {
      const files = manifest.files.filter((file) => file.role === role);
      return { role, count: files.length, bytes: files.reduce((sum, { size }) => sum + size, 0) };
    }),
  };
}

/** The same alert in a file and in an object is shown once. */
function uniqueAlerts(rules: readonly RuleFact[]): InspectedAlert[] {
  const alerts = rules.filter(({ kind }) => kind === 'alert').map(({ name, body }): InspectedAlert => ({
    name,
    severity: textOf(objectOf(body['labels'])['severity']) ?? '',
    expr: textOf(body['expr']) ?? '',
    lasting: textOf(body['for']) ?? '',
    summary: textOf(objectOf(body['annotations'])['summary']) ?? '',
  }));
  return [...new Map(alerts.map((alert) => [JSON.stringify(alert), alert])).values()];
}

const hostNamespaces = { hostPID: 'host processes', hostNetwork: 'host network', hostIPC: 'host IPC' } as const;

/** Looks wherever a Pod's fields may stand, in any kind. */
function* privilegesOf(value: unknown): Generator<string> {
  if (Array.isArray(value)) for (const item of value) yield* privilegesOf(item);
  else if (typeof value === 'object' && value !== null) {
    for (const [key, member] of Object.entries(value)) {
      if (key in hostNamespaces && member === true) yield hostNamespaces[key as keyof typeof hostNamespaces];
      if (key === 'privileged' && member === true) yield 'privileged';
      if (key === 'allowPrivilegeEscalation' && member === true) yield 'privilege escalation';
      if (key === 'runAsUser' && member === 0) yield 'runs as root';
      if (key === 'capabilities') for (const name of listOf(objectOf(member)['add'])) yield `capability ${String(name)}`;
      if (key === 'hostPath') yield `host path ${textOf(objectOf(member)['path']) ?? ''}`;
      yield* privilegesOf(member);
    }
  }
}
