import type { TopicInfo } from '../bus/index.ts'
import { dlqTopic, rawTopic } from '../event/index.ts'
import { announce } from '../telemetry/index.ts'
import { addSources } from '../upkeep/index.ts'
import type { TenantPlaces } from './tenants.ts'

const DAY_MS = 86_400_000

/** Makes a tenant's two topics where they are missing and answers the raw one. Safe to repeat, concurrently too. */
export async function ensureTenantTopics(places: TenantPlaces, tenantId: string): Promise<TopicInfo> {
  const topics = [rawTopic(tenantId), dlqTopic(tenantId)].map((name) => ({
    name,
    partitions: places.topicPartitions,
    // Raw topics have no time limit: only what is settled is removed, by the worker's DeleteRecords.
    configs: { 'retention.ms': name.endsWith('.raw') ? '-1' : String(places.deadLetterDays * DAY_MS) },
  }))
  const [raw] = await places.admin.ensureTopics(topics)
  if (raw === undefined) throw new Error('ensureTopics answered fewer topics than it was asked for')
  return raw
}

/** After a try, whatever came of it, a tenant's topics are left alone for this long. */
const PAUSE_MS = 2_000

/**
 * For a bus that does not know a tenant's topics: one that replaced the bus they were made on, or that lost its data.
 * `remake` makes them anew, in the background and at most every two seconds per tenant; the client that was told
 * `publish_failed` sends again and is accepted. The new topic has another id, so for the workers it is a new source.
 */
export function openTopicKeeper(places: TenantPlaces, nowMs: () => number): { remake(tenantId: string): void } {
  const notBefore = new Map<string, number>()

  async function make(tenantId: string): Promise<void> {
    try {
      const raw = await ensureTenantTopics(places, tenantId)
      await places.store.asSystem((sql) => addSources(sql, tenantId, raw), { name: 'topic' })
      announce('bus.topics.remade', { tenantId, topic: raw.name, partitions: raw.partitions })
    } catch {
      // The bus or Postgres is away: readiness says so, and the next refused event tries again.
    }
  }

  return {
    remake(tenantId) {
      const now = nowMs()
      if (now < (notBefore.get(tenantId) ?? 0)) return
      for (const [id, until] of notBefore) if (until <= now) notBefore.delete(id)
      notBefore.set(tenantId, now + PAUSE_MS)
      void make(tenantId)
    },
  }
}
