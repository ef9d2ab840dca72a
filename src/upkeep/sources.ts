import type { TopicInfo } from '../bus/index.ts'
import type { Sql } from '../store/index.ts'

const ADD = `INSERT INTO public.source_partitions (topic_id, partition, topic, tenant_id)
  SELECT $1::uuid, partition, $2, $3::uuid FROM generate_series(0, $4::int - 1) AS partition
  ON CONFLICT DO NOTHING RETURNING partition`

/** Lets the workers share a raw topic's partitions out. Answers how many were not known before; safe to repeat. */
export async function addSources(sql: Sql, tenantId: string, raw: TopicInfo): Promise<number> {
  return (await sql.query(ADD, [raw.topicId, raw.name, tenantId, raw.partitions])).length
}
