import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { RECORD_HEADERS, rawTopic, uuidv7 } from '../../src/event/index.ts'
import {
  openAdoptTopic,
  openFlushLake,
  openFlushRecord,
  openMembership,
  startIngest,
  imbalance,
  type FlushLake,
  type FlushRecord,
  type Ingest,
  type IngestLimits,
  type IngestParts,
} from '../../src/ingest/index.ts'
import { openDataFileWriter, openObjectStore, type ObjectStore } from '../../src/lake/index.ts'
import { Problem } from '../../src/problems/index.ts'
import { openBindings, type Bindings } from '../../src/registry/index.ts'
import { openStore, type Store } from '../../src/store/index.ts'
import { listen, type AnnouncementName, type Announcements } from '../../src/telemetry/index.ts'
import { openMemoryLog, type LogRecord, type MemoryLog } from './memory-log.ts'
import { withPostgres, type Owner, type TestPostgres } from './postgres.ts'
import { makeDataset, makeSchema, makeTenant } from './registry.ts'
import { ownFolder } from './folder.ts'
import { tableRows } from './table-rows.ts'

export interface Place {
  readonly tenantId: string
  readonly tenantSlug: string
  readonly topic: string
  readonly dataset: {
    readonly id: string
    readonly slug: string
    readonly schemaId: string
    readonly namespace: string
  }
}

/** Real Postgres, a real lake in a folder, and a log in memory: what an ingest carries between. */
export interface Carriage {
  readonly pg: TestPostgres
  readonly store: Store
  readonly objects: ObjectStore
  readonly log: MemoryLog
  readonly warehouse: string
  place(options?: { partitions?: number; definition?: unknown }): Promise<Place>
  addDataset(place: Place, slug: string, definition?: unknown): Promise<Place>
  /** Starts a worker; ended with the test, if not before. */
  start(options?: Start): Promise<Ingest>
  /** What was announced under a name since the carriage was made. */
  heard<N extends AnnouncementName>(name: N): Announcements[N][]
  rows(place: Place): Promise<Array<Record<string, unknown>>>
  letters(place: Place): Promise<Array<Record<string, unknown>>>
  /** The fault that a store answers with while Postgres is away. */
  away(): Problem
}

interface Start {
  readonly limits?: Partial<IngestLimits>
  readonly point?: IngestParts['point']
  readonly lake?: (lake: FlushLake) => FlushLake
  readonly record?: (record: FlushRecord) => FlushRecord
  readonly now?: () => number
  readonly bindings?: (bindings: Bindings) => IngestParts['bindings']
}

const LIMITS: IngestLimits = {
  flushSeconds: 0.1,
  flushRows: 10_000,
  flushMaxRows: 200_000,
  flushMaxFiles: 64,
  bufferBytes: 64 << 20,
  commitsPerSecond: 1_000,
  parkSeconds: 600,
  readerGraceSeconds: 300,
  leaseSeconds: 6,
  busTrusted: true,
  collectMaxEventBytes: 1 << 20,
  collectMaxDepth: 64,
  tracesPerSecond: 20,
}

const DEFINITION = {
  type: 'object',
  properties: {
    timestamp: { type: 'string', format: 'date-time' },
    n: { type: 'integer' },
    name: { type: 'string' },
  },
  required: ['timestamp', 'n'],
}

export async function openCarriage(owner: Owner): Promise<Carriage> {
  const pg = await withPostgres(owner)
  const folder = await ownFolder(owner)
  const store = await openStore({ url: pg.appUrl, poolSize: 8, applicationName: 'test' })
  owner.after(async () => store[Symbol.asyncDispose]())
  const warehouse = `file://${folder}/warehouse`
  const objects = openObjectStore({ warehouse })
  const writer = await openDataFileWriter({ store: objects, tempDir: join(folder, 'tmp'), jobsAtOnce: 2 })
  owner.after(async () => writer[Symbol.asyncDispose]())
  const log = openMemoryLog()
  const places = { store, objects, warehouse }
  const heard = new Map<AnnouncementName, unknown[]>()
  let made = 0

  return {
    pg,
    store,
    objects,
    log,
    warehouse,
    async place({ partitions = 1, definition = DEFINITION } = {}) {
      const tenant = await makeTenant(places, `t${(made += 1)}`)
      const topic = rawTopic(tenant.id)
      const [first] = await pg
        .sql('admin')
        .query<{ topic_id: string }>('SELECT topic_id FROM source_partitions WHERE topic = $1', [topic])
      const topicId = first?.topic_id ?? randomUUID()
      await pg.sql('admin').query(
        `INSERT INTO source_partitions (topic_id, partition, topic, tenant_id)
         SELECT $1, p, $2, $3 FROM generate_series(0, $4::int - 1) p ON CONFLICT DO NOTHING`,
        [topicId, topic, tenant.id, partitions],
      )
      log.addTopic({ name: topic, topicId, partitions })
      return addDataset({ tenantId: tenant.id, tenantSlug: tenant.slug, topic }, 'events', definition)
    },
    addDataset: (place, slug, definition = DEFINITION) => addDataset(place, slug, definition),
    async start({
      limits,
      point,
      lake = (real: FlushLake) => real,
      record = (real: FlushRecord) => real,
      bindings = (real: Bindings) => real,
      now,
    } = {}) {
      const ingest = startIngest({
        join: () =>
          openMembership(store, { worker: `w-${uuidv7()}`, leaseSeconds: limits?.leaseSeconds ?? LIMITS.leaseSeconds }),
        reader: log.reader(),
        admin: log.admin,
        bindings: bindings(openBindings(store, { maxAgeMs: 2_000 })),
        lake: lake(openFlushLake(store, objects, writer, { keepSnapshots: 100, keepMs: 3_600_000, now: Date.now })),
        record: record(openFlushRecord(store)),
        adopt: openAdoptTopic(store),
        limits: { ...LIMITS, ...limits },
        ...(point === undefined ? {} : { point }),
        ...(now === undefined ? {} : { now }),
      })
      owner.after(async () => void (await ingest.stop(0)))
      return ingest
    },
    heard<N extends AnnouncementName>(name: N): Announcements[N][] {
      let list = heard.get(name) as Announcements[N][] | undefined
      if (list === undefined) {
        const fresh: Announcements[N][] = []
        const stop = listen(name, (said) => void fresh.push(said))
        owner.after(() => stop())
        heard.set(name, fresh)
        list = fresh
      }
      return list
    },
    rows: (place) =>
      tableRows(
        { store, objects, tempDir: folder },
        { tenantId: place.tenantId, namespace: place.dataset.namespace, name: place.dataset.slug },
      ),
    away: () => new Problem('dependency_away', 'away on purpose'),
    async letters(place) {
      return pg.sql('admin').query(
        `SELECT dataset_id, topic, partition, source_offset::int AS offset, event_id, reason, pointer, error, key, value, headers
         FROM dead_letters WHERE tenant_id = $1 ORDER BY topic, partition, source_offset`,
        [place.tenantId],
      )
    },
  }

  async function addDataset(place: Omit<Place, 'dataset'>, slug: string, definition: unknown): Promise<Place> {
    const schema = await makeSchema({ store }, place.tenantId, definition)
    const dataset = await makeDataset(places, place.tenantId, slug, schema.uri)
    return { ...place, dataset: { id: dataset.id, slug, schemaId: dataset.schema_id, namespace: dataset.namespace } }
  }
}

/** A record as collect would have published it. */
export function recordOf(
  place: Place,
  data: Record<string, unknown>,
  over: { id?: string; headers?: Record<string, string>; value?: string } = {},
): LogRecord {
  const id = over.id ?? uuidv7()
  return {
    key: id,
    value: over.value ?? JSON.stringify({ dataset: place.dataset.slug, event_id: id, data }),
    headers: {
      [RECORD_HEADERS.dataset]: place.dataset.id,
      [RECORD_HEADERS.schema]: place.dataset.schemaId,
      [RECORD_HEADERS.receivedAt]: '2026-03-04T05:06:07.123456Z',
      [RECORD_HEADERS.traceparent]: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00',
      ...over.headers,
    },
  }
}

export const at = (day: number): string => `2026-03-${String(day).padStart(2, '0')}T01:02:03Z`

/** Throws where the ingest's books do not balance. */
export function assertBalanced(ingest: Pick<Ingest, 'tally'>): void {
  const missing = imbalance(ingest.tally)
  if (missing !== 0) throw new Error(`The tally is off by ${missing}: ${JSON.stringify(ingest.tally)}`)
}
