import assert from 'node:assert/strict'
import type { Ground } from '../kit/ground.ts'

/**
 * What must be true whatever happened, at every moment between two transactions. Each law is one
 * question to Postgres, or one comparison of the model with it, and names what broke it.
 */

type Rows = Record<string, unknown>[]
const ask = (ground: Ground, text: string, values: readonly unknown[] = []): Promise<Rows> =>
  ground.admin.query(text, values)

/** records = rows + duplicates + dead letters, in every flush (what is replayed is counted apart). */
export async function nothingIsDropped(ground: Ground): Promise<void> {
  const broken = await ask(
    ground,
    'SELECT * FROM flush_totals WHERE records <> rows + duplicates + dead_letters OR replayed < 0',
  )
  assert.deepEqual(broken, [], 'records = rows + duplicates + dead letters')
}

/** Every row that a flush added has its id in the ledger, under that flush, and no other id has (until the part is dropped). */
export async function theLedgerIsWhatWasWritten(ground: Ground): Promise<void> {
  const broken = await ask(
    ground,
    `SELECT t.flush_number, d.number, t.rows, count(p.event_id) AS ids FROM flush_totals t JOIN pdm_datasets d ON d.id = t.dataset_id
     LEFT JOIN processed_event_ids p ON p.flush_number = t.flush_number AND p.dataset_number = d.number
     GROUP BY 1, 2, 3 HAVING count(p.event_id) <> t.rows`,
  )
  assert.deepEqual(broken, [], 'rows of a flush = its ids in the ledger')
  const twice = await ask(
    ground,
    'SELECT dataset_number, event_id FROM processed_event_ids GROUP BY 1, 2 HAVING count(*) > 1',
  )
  assert.deepEqual(twice, [], 'an id is in one part of the ledger, once')
}

/** Dead letters counted = dead letters kept, and one source is one dead letter. */
export async function everyDeadLetterIsARow(ground: Ground): Promise<void> {
  const broken = await ask(
    ground,
    `SELECT t.flush_number, t.dead_letters, count(l.number) AS kept FROM
       (SELECT flush_number, sum(dead_letters) AS dead_letters FROM flush_totals GROUP BY 1) AS t
     LEFT JOIN dead_letters l USING (flush_number) GROUP BY 1, 2 HAVING count(l.number) <> t.dead_letters`,
  )
  assert.deepEqual(broken, [], 'dead letters counted = dead letters kept')
  const twice = await ask(
    ground,
    'SELECT topic_id, partition, source_offset, rewound FROM dead_letters GROUP BY 1, 2, 3, 4 HAVING count(*) > 1',
  )
  assert.deepEqual(twice, [], 'one source is one dead letter')
}

/** A record of the model's log. */
export interface LoggedRecord {
  readonly datasetId: string
  readonly eventId: string
  readonly isBad: boolean
}
export type Log = ReadonlyMap<string, readonly LoggedRecord[]>

/** Where reading starts never lies beyond a record that is not settled, and nothing is settled that was never there. */
export async function offsetsNeverPassWhatIsSettled(ground: Ground, log: Log): Promise<void> {
  const partitions = await ask(
    ground,
    `SELECT topic_id || '/' || partition AS key, next_offset::int AS next FROM source_partitions`,
  )
  const settled = await settledOffsets(ground)
  for (const { key, next } of partitions as { key: string; next: number }[]) {
    const records = log.get(key)
    if (records === undefined) continue
    assert.ok(next <= records.length, `${key} would be read from ${next}, the log ends at ${records.length}`)
    for (const [offset, record] of records.slice(0, next).entries()) {
      const until = settled.get(`${key}/${record.datasetId}`) ?? 0
      assert.ok(offset < until, `${key} would be read from ${next}, but ${offset} is settled only below ${until}`)
    }
  }
  for (const [place, until] of settled) {
    const records = log.get(place.slice(0, place.lastIndexOf('/')))
    if (records !== undefined)
      assert.ok(until <= records.length, `${place} is settled to ${until} of ${records.length}`)
  }
}

/** What a dataset counted as its records is exactly what lies below its settled offsets: each once. */
export async function everyRecordIsCountedOnce(ground: Ground, log: Log): Promise<void> {
  const settled = await settledOffsets(ground)
  const expected = new Map<string, number>()
  for (const [key, records] of log) {
    for (const [offset, record] of records.entries()) {
      if (offset >= (settled.get(`${key}/${record.datasetId}`) ?? 0)) continue
      expected.set(record.datasetId, (expected.get(record.datasetId) ?? 0) + 1)
    }
  }
  const counted = await ask(
    ground,
    'SELECT dataset_id AS id, sum(records)::int AS records FROM flush_totals GROUP BY 1',
  )
  const totals = new Map(counted.map((row) => [row['id'] as string, row['records'] as number]))
  for (const datasetId of new Set([...log.values()].flatMap((records) => records.map((one) => one.datasetId)))) {
    assert.equal(totals.get(datasetId) ?? 0, expected.get(datasetId) ?? 0, `records counted of dataset ${datasetId}`)
  }
}

/** Distinct ids = rows, in every table. */
export function oneIdIsOneRow(rows: ReadonlyMap<string, readonly string[]>): void {
  for (const [datasetId, ids] of rows)
    assert.equal(new Set(ids).size, ids.length, `dataset ${datasetId} has an id twice`)
}

async function settledOffsets(ground: Ground): Promise<Map<string, number>> {
  const found = await ask(
    ground,
    `SELECT topic_id || '/' || partition || '/' || dataset_id AS place, next_offset::int AS next FROM settled_offsets`,
  )
  return new Map(found.map((row) => [row['place'] as string, row['next'] as number]))
}
