import { Client } from 'pg'
import type { System } from '../test/kit/system.ts'

/**
 * Puts `ids` made-up ids of one dataset into the ledger's newest part, spread over the last six days
 * as UUIDv7s that the API minted would be. The index is made after the rows, since a hundred million
 * index entries one by one would take longer than everything else; `VACUUM` leaves the table as days
 * of commits and autovacuum would. Answers the ledger's size in bytes.
 */
export async function fillLedger(system: System, tenantId: string, datasetId: string, ids: number): Promise<number> {
  const client = new Client({ connectionString: system.adminUrl() })
  await client.connect()
  try {
    const { rows } = await client.query<{ number: string; epoch: number }>(
      'SELECT (SELECT number FROM pdm_datasets WHERE id = $1) AS number, (SELECT max(epoch) FROM ledger_epochs) AS epoch',
      [datasetId],
    )
    const { number, epoch } = rows[0] ?? { number: '0', epoch: 1 }
    const part = `partitions.processed_event_ids_${epoch}`
    await client.query("SET maintenance_work_mem = '1GB'; SET synchronous_commit = off")
    await client.query(`DROP INDEX ${part}_key`)
    const step = 5_000_000
    for (let from = 0; from < ids; from += step) {
      await client.query(
        `INSERT INTO ${part} (event_id, tenant_id, flush_number, dataset_number, epoch, record)
         SELECT uuidv7(-(6.0 * (1 - i::float8 / $4)) * interval '1 day'), $1, 1, $2, $3, i
         FROM generate_series($5::bigint, $6::bigint) AS i`,
        [tenantId, Number(number), epoch, ids, from + 1, Math.min(from + step, ids)],
      )
    }
    await client.query(`CREATE UNIQUE INDEX processed_event_ids_${epoch}_key ON ${part} (dataset_number, event_id)`)
    await client.query(`VACUUM ANALYZE ${part}`)
    await client.query('CHECKPOINT')
    const size = await client.query<{ size: string }>('SELECT pg_total_relation_size($1)::text AS size', [part])
    return Number(size.rows[0]?.size ?? 0)
  } finally {
    await client.end()
  }
}
