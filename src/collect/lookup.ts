import { Problem } from '../problems/index.ts'
import type { CollectBinding } from './examine.ts'

export interface CollectBindings {
  /** What is known at once. */
  peek(tenantId: string, slug: string): CollectBinding | undefined
  /** What is known after asking; undefined where there is no such dataset. Rejects where nobody can tell. */
  bySlug(tenantId: string, slug: string): Promise<CollectBinding | undefined>
}

/** How many datasets one request may make us ask for. */
const MOST_DATASETS = 1_000
/** What is asked at once is read together, so this many cost one transaction. */
const AT_ONCE = 64

/**
 * Asks for the datasets that are not known yet, each once, a few at a time. Rejects (`dependency_away`)
 * where one cannot be told: an event is never refused as unknown because the record was away.
 */
export async function lookUp(
  bindings: CollectBindings,
  tenantId: string,
  slugs: readonly string[],
): Promise<Map<string, CollectBinding | undefined>> {
  if (slugs.length > MOST_DATASETS) {
    throw new Problem('too_large', `A request may name ${MOST_DATASETS} datasets. Send the events in several requests.`)
  }
  const found = new Map<string, CollectBinding | undefined>()
  const waiting = [...slugs]
  const ask = async (): Promise<void> => {
    for (let slug = waiting.pop(); slug !== undefined; slug = waiting.pop())
      found.set(slug, await bindings.bySlug(tenantId, slug))
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, slugs.length) }, ask))
  return found
}
