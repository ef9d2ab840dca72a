import { Client } from 'pg'
import type { Place } from './api.ts'
import { readLake } from './lake-reader.ts'

/** A row as the account of a dataset's watermark needs it: instants in ms since 1970. */
export interface CommittedRow {
  readonly id: string
  readonly partition: number
  readonly receivedMs: number
  readonly committedMs: number
}

/**
 * Every row of a dataset with the instant of its commit: a data file's name begins with the id of the flush that wrote it, and
 * Postgres says when that was committed.
 */
export async function committedRows(
  places: { readonly baseUrl: string; readonly databaseUrl: string },
  { tenantId, dataset }: Place,
): Promise<readonly CommittedRow[]> {
  const committed = await commitsOf(places.databaseUrl, tenantId)
  const { rows } = await readLake(
    places.baseUrl,
    tenantId,
    dataset,
    `_event_id::varchar AS id, _source AS source, epoch_us(_received_at)::double / 1000 AS received,
     regexp_extract(filename, '/([0-9a-f]{8}-[0-9a-f-]{27})-[^/]*$', 1) AS flush`,
  )
  return rows.map((row) => {
    const committedMs = committed.get(String(row['flush']))
    if (committedMs === undefined) throw new Error(`No commit is known of the flush ${String(row['flush'])}.`)
    return {
      id: String(row['id']),
      partition: Number(String(row['source']).split('/')[1]),
      receivedMs: Number(row['received']),
      committedMs,
    }
  })
}

async function commitsOf(databaseUrl: string, tenantId: string): Promise<Map<string, number>> {
  const client = new Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    await client.query(`SELECT set_config('app.current_tenant_id', $1, false)`, [tenantId])
    const { rows } = await client.query<{ id: string; at: Date }>(
      'SELECT flush_id AS id, committed_at AS at FROM flushes',
    )
    return new Map(rows.map(({ id, at }) => [id, at.getTime()]))
  } finally {
    await client.end()
  }
}

/**
 * How far the committed watermark fell behind at most while events of [fromMs, toMs) came in: at any instant it is the time of
 * the oldest event that is received and not committed, so it is furthest behind just before that one's commit.
 */
export function furthestBehindMs(rows: readonly CommittedRow[], fromMs: number, toMs: number): number {
  const among = rows.filter(({ receivedMs }) => receivedMs >= fromMs && receivedMs < toMs)
  if (among.length === 0) throw new Error('No event came in during that time: nothing is known of the watermark.')
  return Math.max(...among.map(({ receivedMs, committedMs }) => committedMs - receivedMs))
}
