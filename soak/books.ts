import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client } from 'pg'
import { loadSettings } from '../src/config/index.ts'
import { loadTable, openObjectStore, planScan, pointerOf, type ObjectStore } from '../src/lake/index.ts'
import { manifestPaths } from '../src/lake/table.ts'
import { objectStoreOptions } from '../src/places/index.ts'
import { openStore, type Store } from '../src/store/index.ts'
import { namespaceOf } from '../src/tenancy/index.ts'
import type { Place } from '../test/kit/api.ts'
import type { System } from '../test/kit/system.ts'
import { tableRows } from '../test/kit/table-rows.ts'

/** The places of a running system as an auditor sees them: Postgres as its owner and as `pulse_app`, the lake's files. */
export interface Books extends AsyncDisposable {
  /** As role `pulse`: a connection of its own each time, since Postgres is killed now and then. */
  ask<R = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<R[]>
  /** What the table of a place holds. */
  rowsOf(
    place: Place,
  ): Promise<{ readonly rows: number; readonly ids: number; readonly numbers: number; readonly last: number }>
  /** Ids of all rows of a place, in order. */
  idsOf(place: Place): Promise<readonly string[]>
  /** In ms, how old events that came in during [fromMs, toMs) were when their flush was committed: the quantile `p` over all places. */
  freshnessMs(places: readonly Place[], fromMs: number, toMs: number, p: number): Promise<number>
  /** Files of all tables that nobody will ever look at or delete: no retained snapshot, no open intent, no expiry names them. */
  orphans(places: readonly Place[]): Promise<{
    readonly orphans: readonly string[]
    /** Reached by a retained snapshot, and not there. */
    readonly missing: readonly string[]
    readonly files: number
    readonly waiting: number
  }>
}

export function openBooks(system: System): Books {
  const objects = openObjectStore(objectStoreOptions(loadSettings(system.env), 'demo'))
  const ask: Books['ask'] = async <R>(text: string, values: readonly unknown[] = []): Promise<R[]> => {
    const client = new Client({
      connectionString: system.adminUrl(),
      connectionTimeoutMillis: 5_000,
      query_timeout: 30_000,
    })
    client.on('error', () => undefined)
    await client.connect()
    try {
      return (await client.query(text, [...values])).rows as R[]
    } finally {
      await client.end().catch(() => undefined)
    }
  }
  async function withStore<T>(act: (store: Store) => Promise<T>): Promise<T> {
    await using store = await openStore({ url: system.appUrl(), poolSize: 2, applicationName: 'soak' })
    return await act(store)
  }
  const nameOf = (place: Place): Promise<string> =>
    ask<{ name: string }>('SELECT table_name AS name FROM pdm_datasets WHERE id = $1', [place.datasetId]).then(
      ([row]) => row?.name ?? '',
    )
  const select = (place: Place, columns: string, rest = ''): Promise<Record<string, unknown>[]> =>
    withStore(async (store) =>
      tableRows(
        { store, objects, tempDir: tmpdir() },
        { tenantId: place.tenantId, namespace: namespaceOf(place.tenantId), name: await nameOf(place) },
        columns,
        rest,
      ),
    )

  return {
    ask,
    async rowsOf(place) {
      const [found] = await select(
        place,
        'count(*)::int AS rows, count(DISTINCT _event_id)::int AS ids, count(DISTINCT "at")::int AS numbers, max("at")::int AS last',
      )
      const of = (name: string): number => Number(found?.[name] ?? 0)
      return { rows: of('rows'), ids: of('ids'), numbers: of('numbers'), last: Number(found?.['last'] ?? -1) }
    },
    async idsOf(place) {
      return (await select(place, '_event_id::varchar AS id', 'ORDER BY 1')).map(({ id }) => String(id))
    },
    async freshnessMs(places, fromMs, toMs, p) {
      const commits = await ask<{ id: string; at: Date }>('SELECT flush_id AS id, committed_at AS at FROM flushes')
      const list = commits.map(({ id, at }) => `'${id}': ${at.getTime()}`).join(', ')
      const tens = new Map<number, number>()
      for (const place of places) {
        const found = await select(
          place,
          `round((MAP {${list}}[regexp_extract(filename, '/([0-9a-f]{8}-[0-9a-f-]{27})-[^/]*$', 1)]
             - epoch_us(_received_at) / 1000.0) / 10)::int AS tens, count(*)::int AS rows`,
          `WHERE epoch_us(_received_at) >= ${fromMs}::bigint * 1000 AND epoch_us(_received_at) < ${toMs}::bigint * 1000 GROUP BY 1`,
        )
        for (const row of found) {
          if (row['tens'] === null) throw new Error('a data file is of no flush that Postgres knows')
          tens.set(Number(row['tens']), (tens.get(Number(row['tens'])) ?? 0) + Number(row['rows']))
        }
      }
      const total = [...tens.values()].reduce((sum, rows) => sum + rows, 0)
      if (total === 0) throw new Error('no event came in during that time')
      let seen = 0
      for (const [ten, rows] of [...tens].sort(([a], [b]) => a - b)) {
        seen += rows
        if (seen >= total * p) return ten * 10
      }
      return Infinity
    },
    async orphans(places) {
      const known = new Set(
        (await ask<{ location: string }>('SELECT location FROM expired_files')).map((row) => row.location),
      )
      const intents = (await ask<{ id: string }>('SELECT flush_id AS id FROM flush_intents')).map(({ id }) => id)
      const orphans: string[] = []
      const missing: string[] = []
      let files = 0
      let waiting = 0
      for (const place of places) {
        const [below, reached, needed] = await withStore((store) => reachable(store, objects, place, nameOf))
        const there = new Set(await filesBelow(objects, below))
        for (const path of needed) if (!there.has(path)) missing.push(path)
        for (const path of there) {
          files += 1
          if (reached.has(path)) continue
          if (known.has(path) || intents.some((id) => path.includes(id))) waiting += 1
          else orphans.push(path)
        }
      }
      return { orphans, missing, files, waiting }
    },
    async [Symbol.asyncDispose]() {},
  }
}

/** Where a table's files are, and all that its metadata leads to. */
async function reachable(
  store: Store,
  objects: ObjectStore,
  place: Place,
  nameOf: (place: Place) => Promise<string>,
): Promise<readonly [location: string, reached: ReadonlySet<string>, needed: ReadonlySet<string>]> {
  const [namespace, name] = [namespaceOf(place.tenantId), await nameOf(place)]
  const pointer = await store.asTenant(place.tenantId, (sql) => pointerOf(sql, namespace, name))
  if (pointer === undefined) throw new Error(`${place.tenantSlug} has no table`)
  const table = await loadTable(objects, pointer)
  const { metadata } = table
  // Earlier metadata files are named until they are deleted; what a snapshot reaches has to be there.
  const named = (metadata['metadata-log'] ?? []).map((entry) => entry['metadata-file'])
  const reached = new Set<string>([pointer])
  for (const snapshot of metadata.snapshots ?? []) {
    reached.add(snapshot['manifest-list'])
    for (const path of await manifestPaths(objects, snapshot)) reached.add(path)
    for (const file of (await planScan(objects, table, snapshot['snapshot-id'])).files) reached.add(file.location)
  }
  return [metadata.location, new Set([...reached, ...named]), reached]
}

async function filesBelow(objects: ObjectStore, location: string): Promise<readonly string[]> {
  if (!location.startsWith('file:'))
    return (await Array.fromAsync(objects.list(`${location}/`))).map((one) => one.location)
  const entries = await readdir(fileURLToPath(location), { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => `file://${join(entry.parentPath, entry.name)}`)
}
