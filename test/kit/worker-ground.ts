import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { openBus, startEmbeddedBus, type Bus, type EmbeddedBus, type Publisher } from '../../src/bus/index.ts'
import { loadSettings, type Settings } from '../../src/config/index.ts'
import { RECORD_HEADERS, rawTopic, uuidv7 } from '../../src/event/index.ts'
import { openObjectStore, type ObjectStore } from '../../src/lake/index.ts'
import { createTenant } from '../../src/registry/index.ts'
import { openStore, type Store } from '../../src/store/index.ts'
import { withPostgres, type Owner, type TestPostgres } from './postgres.ts'
import { makeDataset, makeSchema } from './registry.ts'
import { ownFolder } from './folder.ts'
import { tableRows } from './table-rows.ts'

interface WorkerGround {
  readonly pg: TestPostgres
  readonly store: Store
  readonly bus: Bus
  readonly embedded: EmbeddedBus
  readonly objects: ObjectStore
  /** For a worker, with free ports and quick flushes. */
  env(more?: Readonly<Record<string, string>>): Record<string, string>
  settings(more?: Readonly<Record<string, string>>): Settings
  place(slug: string): Promise<WorkerPlace>
  /** Publishes events with these numbers and waits for the acknowledgements. */
  publish(place: WorkerPlace, numbers: readonly number[]): Promise<void>
  /** The numbers of all rows, in order. */
  numbers(place: WorkerPlace): Promise<number[]>
  /** A worker in a process of its own. */
  fork(more?: Readonly<Record<string, string>>): WorkerProcess
}

interface WorkerPlace {
  readonly tenantId: string
  readonly topic: string
  readonly datasetId: string
  readonly schemaId: string
  readonly namespace: string
  readonly slug: string
}

interface WorkerProcess {
  readonly child: ChildProcess
  readonly ports: Promise<{ metrics: number; health: number }>
  /** How it ended: the signal's name or the exit code. */
  readonly ended: Promise<string>
}

const DEFINITION = {
  type: 'object',
  properties: { timestamp: { type: 'string', format: 'date-time' }, n: { type: 'integer' } },
  required: ['timestamp', 'n'],
}

/** Real Postgres, the real embedded bus, a real lake: everything that a worker stands on. */
export async function openWorkerGround(owner: Owner): Promise<WorkerGround> {
  const pg = await withPostgres(owner)
  const folder = await ownFolder(owner)
  const embedded = await startEmbeddedBus({
    dataDir: join(folder, 'bus'),
    host: '127.0.0.1',
    port: 0,
    maxBytes: 1 << 30,
  })
  owner.after(() => embedded.close())
  const bus = openBus({ brokers: [`127.0.0.1:${embedded.port}`], clientId: 'test', publishTimeoutMs: 10_000 })
  owner.after(async () => bus[Symbol.asyncDispose]())
  const publisher: Publisher = bus.publisher()
  owner.after(async () => publisher[Symbol.asyncDispose]())
  const store = await openStore({ url: pg.appUrl, poolSize: 4, applicationName: 'test' })
  owner.after(async () => store[Symbol.asyncDispose]())
  const warehouse = `file://${folder}/warehouse`
  const objects = openObjectStore({ warehouse })
  const places = { store, objects, warehouse }

  const env = (more: Readonly<Record<string, string>> = {}): Record<string, string> => ({
    PULSE_DATABASE_URL: pg.appUrl,
    PULSE_KAFKA_BROKERS: `127.0.0.1:${embedded.port}`,
    PULSE_WAREHOUSE: warehouse,
    PULSE_DATA_DIR: join(folder, 'data'),
    PULSE_WORKER_METRICS_PORT: '0',
    PULSE_WORKER_HEALTH_PORT: '0',
    PULSE_FLUSH_SECONDS: '0.1',
    PULSE_LEASE_SECONDS: '1',
    PULSE_LOG_LEVEL: 'fatal',
    ...more,
  })

  return {
    pg,
    store,
    bus,
    embedded,
    objects,
    env,
    settings: (more) => loadSettings(env(more)),
    async place(slug) {
      const tenant = await createTenant(
        { store, warehouse, admin: bus.admin, topicPartitions: 1, deadLetterDays: 30 },
        { slug, name: slug },
      )
      const schema = await makeSchema(places, tenant.id, DEFINITION)
      const dataset = await makeDataset(places, tenant.id, 'events', schema.uri)
      return {
        tenantId: tenant.id,
        topic: rawTopic(tenant.id),
        datasetId: dataset.id,
        schemaId: dataset.schema_id,
        namespace: dataset.namespace,
        slug: 'events',
      }
    },
    async publish(place, numbers) {
      const headers = {
        entries: [
          [RECORD_HEADERS.dataset, place.datasetId],
          [RECORD_HEADERS.schema, place.schemaId],
          [RECORD_HEADERS.receivedAt, '2026-03-04T05:06:07.123456Z'],
          [RECORD_HEADERS.traceparent, '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00'],
        ].map(([name, value]) => [Buffer.from(name as string), Buffer.from(value as string)] as const),
      }
      const verdicts = await publisher.publish(
        numbers.map((n) => ({
          topic: place.topic,
          key: Buffer.from(uuidv7()),
          value: Buffer.from(JSON.stringify({ dataset: 'events', data: { timestamp: '2026-03-01T02:03:04Z', n } })),
          headers,
        })),
      )
      const failed = verdicts.find((verdict) => verdict !== null)
      if (failed) throw new Error(`not acknowledged: ${failed.code} ${failed.detail}`)
    },
    async numbers(place) {
      const table = { tenantId: place.tenantId, namespace: place.namespace, name: place.slug }
      const rows = await tableRows({ store, objects, tempDir: folder }, table, 'n', 'ORDER BY n')
      return rows.map((row) => Number(row['n']))
    },
    fork(more) {
      const { TEST_KILL_AT: at, TEST_KILL_ON: on, ...settings } = more ?? {}
      const child = fork(join(import.meta.dirname, 'worker-process.ts'), {
        env: {
          PATH: process.env['PATH'],
          ...env(settings),
          ...(at === undefined ? {} : { TEST_KILL_AT: at }),
          ...(on === undefined ? {} : { TEST_KILL_ON: on }),
        },
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      })
      owner.after(() => void child.kill('SIGKILL'))
      const ended = once(child, 'exit').then(([code, signal]) => String(signal ?? code))
      const ports = Promise.race([
        once(child, 'message').then(([message]) => (message as { ports: { metrics: number; health: number } }).ports),
        ended.then((how) => Promise.reject(new Error(`the worker ended before it was ready: ${how}`))),
      ])
      ports.catch(() => {})
      return { child, ports, ended }
    },
  }
}
