import type { Bus } from '../bus/index.ts'
import type { Store } from '../store/index.ts'
import { addSources } from './sources.ts'

const TOPICS = 500

/**
 * An operator may give a topic more partitions, and every producer writes to them within minutes: they become
 * sources like the others, read from their first record on. Asks the bus about every topic that is read; answers how
 * many partitions were added. Safe to repeat. Throws what the bus or Postgres throw.
 */
export async function adoptPartitions(store: Store, bus: Pick<Bus, 'admin'>): Promise<number> {
  const known = await store.asSystem(
    (sql) =>
      sql.query<{ topic: string; topic_id: string; tenant_id: string; partitions: number }>(
        `SELECT topic, topic_id, tenant_id, max(partition) + 1 AS partitions FROM public.source_partitions
       WHERE retired_at IS NULL GROUP BY topic, topic_id, tenant_id`,
      ),
    { name: 'topic' },
  )
  let added = 0
  for (let at = 0; at < known.length; at += TOPICS) {
    const some = known.slice(at, at + TOPICS)
    const found = new Map((await bus.admin.describeTopics(some.map((of) => of.topic))).map((of) => [of.topicId, of]))
    for (const { topic_id: topicId, tenant_id: tenantId, partitions } of some) {
      const raw = found.get(topicId)
      if (raw === undefined || raw.partitions <= partitions) continue
      added += await store.asSystem((sql) => addSources(sql, tenantId, raw), { name: 'topic' })
    }
  }
  return added
}
