import type { Admin, Reader } from '../src/bus/index.ts'
import { rawTopic } from '../src/event/index.ts'
import { pointerOf } from '../src/lake/index.ts'
import { openStore } from '../src/store/index.ts'
import { namespaceOf } from '../src/tenancy/index.ts'
import type { Books } from '../soak/books.ts'
import { readWith } from '../test/interop/python.ts'
import type { Place } from '../test/kit/api.ts'
import type { System } from '../test/kit/system.ts'
import { until } from '../test/kit/until.ts'
import { check } from './checker.ts'
import type { Held } from './account.ts'

interface Audited {
  readonly system: System
  readonly books: Books
  readonly admin: Pick<Admin, 'offsets'>
  /** One tenant's datasets. */
  readonly places: readonly Place[]
  readonly partitions: number
}

/** Waits until every record on the tenant's topic is settled. Rejects where that does not come to pass. */
export async function settled({ books, admin, places, partitions }: Audited, timeoutMs: number): Promise<number> {
  const topic = rawTopic(places[0]?.tenantId ?? '')
  return until(
    'every record to be settled',
    async () => {
      const asked = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
      const ends = await admin.offsets(asked)
      const sources = await books.ask<{ partition: number; next: string }>(
        'SELECT partition, next_offset AS next FROM source_partitions WHERE topic = $1 AND retired_at IS NULL',
        [topic],
      )
      const isSettled = ends.every(({ partition, latest }) =>
        sources.some((source) => source.partition === partition && Number(source.next) === latest),
      )
      return ends.length === partitions && isSettled && { records: ends.reduce((sum, { latest }) => sum + latest, 0) }
    },
    timeoutMs,
    200,
  ).then(({ records }) => records)
}

/** The table as another engine sees it: DuckDB's own reader of Iceberg in a folder, PyIceberg where there is only S3. */
async function foreignRows({ system }: Audited, tenantId: string, namespace: string, name: string) {
  const { env } = system
  if (env['PULSE_WAREHOUSE']?.startsWith('s3://') === true) {
    const properties = {
      's3.endpoint': env['PULSE_S3_ENDPOINT'],
      's3.access-key-id': env['PULSE_S3_ACCESS_KEY'],
      's3.secret-access-key': env['PULSE_S3_SECRET_KEY'],
      's3.region': 'us-east-1',
    }
    return (await readWith('pyiceberg', system.adminUrl(), namespace, name, '', JSON.stringify(properties))).rows
  }
  await using store = await openStore({ url: system.appUrl(), poolSize: 2, applicationName: 'chaos' })
  const pointer = await store.asTenant(tenantId, (sql) => pointerOf(sql, namespace, name))
  return (await readWith('duckdb', String(pointer))).rows
}

/** Everything that the places hold of the tenant, by our reader and by a foreign one. */
export async function holdings(of: Audited, records: number, checker?: string): Promise<Held> {
  const { books, places } = of
  const tenantId = places[0]?.tenantId ?? ''
  const rows = new Map<string, readonly string[]>()
  const foreign = new Map<string, readonly string[]>()
  const broken: string[] = []
  for (const place of places) {
    const { dataset, datasetId } = place
    const [named] = await books.ask<{ name: string }>('SELECT table_name AS name FROM pdm_datasets WHERE id = $1', [
      datasetId,
    ])
    const [namespace, name] = [namespaceOf(tenantId), named?.name ?? '']
    rows.set(dataset, await books.idsOf(place))
    const theirs = await foreignRows(of, tenantId, namespace, name)
    foreign.set(
      dataset,
      theirs.map((row) => String(row['_event_id'])),
    )
    if (checker !== undefined)
      broken.push(...(await check(checker, { adminUrl: of.system.adminUrl(), env: of.system.env }, namespace, name)))
  }
  const letters = await books.ask<{ id: string }>('SELECT event_id AS id FROM dead_letters WHERE tenant_id = $1', [
    tenantId,
  ])
  const [sums] = await books.ask<Record<'records' | 'rows' | 'duplicates' | 'letters', string>>(
    `SELECT coalesce(sum(records), 0) AS records, coalesce(sum(rows), 0) AS rows, coalesce(sum(duplicates), 0) AS duplicates,
       coalesce(sum(dead_letters), 0) AS letters FROM flush_totals WHERE tenant_id = $1`,
    [tenantId],
  )
  const { orphans, missing } = await books.orphans(places)
  const total = (name: 'records' | 'rows' | 'duplicates' | 'letters'): number => Number(sums?.[name])
  return {
    rows,
    foreign,
    letters: letters.map(({ id }) => id),
    letterCount: letters.length,
    records,
    totals: {
      records: total('records'),
      rows: total('rows'),
      duplicates: total('duplicates'),
      letters: total('letters'),
    },
    orphans,
    missing,
    broken,
  }
}

/** Where records with these ids lie on the tenant's topic, as `partition/offset`: what a loss is looked into with. */
export async function whereabouts(
  { admin, reader, places, partitions }: Audited & { readonly reader: Reader },
  ids: ReadonlySet<string>,
): Promise<readonly string[]> {
  const topic = rawTopic(places[0]?.tenantId ?? '')
  const found: string[] = []
  for (const { topicId, partition, earliest, latest } of await admin.offsets(
    Array.from({ length: partitions }, (_, one) => ({ topic, partition: one })),
  )) {
    for (let offset = earliest; offset < latest;) {
      const answer = await reader.fetch([{ topicId, topic, partition, offset }], { maxBytes: 4 << 20, maxWaitMs: 100 })
      const [got] = answer.partitions
      if (got === undefined) break
      for (const record of got.records)
        if (ids.has(String(record.key))) found.push(`${partition}/${record.offset} at ${record.timestampMs}`)
      offset = got.nextOffset
    }
    found.push(`${partition}: ${earliest} to ${latest}`)
  }
  return found
}
