/** Questions that need not wait for each other, a few at once. */
const atOnce = 8;

/** Stops at the first that fails, and throws that. */
export async function forEachAtOnce<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, async () => {
    for (const item of queue) await run(item);
  }));
}
