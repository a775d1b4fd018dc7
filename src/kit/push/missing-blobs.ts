/** The blobs that a registry does not have yet, repository by repository; each leaves the list as it arrives. */
import type { Digest } from '../../contract/oci.ts';
import type { Repository } from '../../registry/repository.ts';
import { forEachAtOnce } from './at-once.ts';
import type { RepositoryPlan } from './push-plan.ts';

/** A repository of the registry, and what is to be in it. */
export interface Target {
  readonly repository: Repository;
  readonly plan: RepositoryPlan;
}

interface MissingBlob {
  readonly size: number;
  readonly from: Repository | undefined;
  readonly into: Set<Repository>;
}

export class MissingBlobs {
  readonly #blobs = new Map<Digest, MissingBlob>();
  /** Blobs, in each repository that they belong to: how many are there without being sent, and how. */
  readonly counts = { present: 0, mounted: 0, sent: 0, sentBytes: 0 };

  /** Asks for each, then takes over what another of the repositories has. */
  static async find(targets: readonly Target[]): Promise<MissingBlobs> {
    const missing = new MissingBlobs();
    const homes = new Map<Digest, { size: number; there: Repository[]; not: Repository[] }>();
    const questions = targets.flatMap(({ repository, plan }) => [...plan.blobs].map(([digest, size]) => ({ repository, digest, size })));
    await forEachAtOnce(questions, async ({ repository, digest, size }) => {
      const there = await repository.hasBlob({ digest, size });
      const home = homes.get(digest) ?? { size, there: [], not: [] };
      homes.set(digest, home);
      (there ? home.there : home.not).push(repository);
      if (there) missing.counts.present++;
    });
    for (const [digest, { size, there: [from], not }] of homes) if (not.length > 0) missing.#blobs.set(digest, { size, from, into: new Set(not) });
    await forEachAtOnce([...missing.#blobs.keys()], (digest) => missing.#mount(digest));
    return missing;
  }

  /** Bytes that will have to be sent, if what is mounted can be. */
  get bytes(): number {
    return [...this.#blobs.values()].reduce((sum, { size }) => sum + size, 0);
  }

  get isEmpty(): boolean {
    return this.#blobs.size === 0;
  }

  /** Where a blob is to be sent next, if it is missing. */
  wanted(digest: Digest): { readonly repository: Repository; readonly size: number } | undefined {
    const blob = this.#blobs.get(digest);
    const [repository] = blob?.into ?? [];
    return blob && repository && { repository, size: blob.size };
  }

  async arrived(digest: Digest, repository: Repository): Promise<void> {
    const blob = this.#blobs.get(digest)!;
    this.counts.sent++;
    this.counts.sentBytes += blob.size;
    this.#remove(digest, repository);
    if (this.#blobs.has(digest)) {
      this.#blobs.set(digest, { ...blob, from: repository });
      await this.#mount(digest);
    }
  }

  /** Into every repository that takes it over from the one that has it; others will be sent it. */
  async #mount(digest: Digest): Promise<void> {
    const { from, into, size } = this.#blobs.get(digest)!;
    if (from === undefined) return;
    for (const repository of into) {
      // Some registries mount nothing, since all their repositories have the same blobs.
      if (!(await repository.mountBlob(digest, from)) && !(await repository.hasBlob({ digest, size }))) continue;
      this.counts.mounted++;
      this.#remove(digest, repository);
    }
  }

  #remove(digest: Digest, repository: Repository): void {
    const { into } = this.#blobs.get(digest)!;
    into.delete(repository);
    if (into.size === 0) this.#blobs.delete(digest);
  }
}
