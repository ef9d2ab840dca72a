import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openBus } from '../../src/bus/index.ts'
import { WireWriter } from '../../src/bus/wire/writer.ts'
import { dlqTopic, rawTopic, RECORD_HEADERS, uuidv7 } from '../../src/event/index.ts'
import { openObjectStore } from '../../src/lake/index.ts'
import { openStore } from '../../src/store/index.ts'
import { addSources } from '../../src/upkeep/index.ts'
import { ownFolder } from '../kit/folder.ts'
import { withKafkaCluster } from '../kit/kafka-cluster.ts'
import { withPostgres } from '../kit/postgres.ts'
import { makeDataset, makeSchema } from '../kit/registry.ts'
import { tableRows } from '../kit/table-rows.ts'
import { until } from '../kit/until.ts'

/**
 * Two thousand tenants on one worker and one broker of Apache Kafka: their two topics each, one event for some of them, and what
 * it costs to start, to know where they live and to wait for them. Figures are printed; the bounds are several times them.
 */

const TENANTS = Number(process.env['TEST_TENANTS'] ?? 2_000)
const ACTIVE = 25
const DEFINITION = {
  type: 'object',
  properties: { timestamp: { type: 'string', format: 'date-time' }, n: { type: 'integer' } },
  required: ['timestamp', 'n'],
}

const kafka = await withKafkaCluster({ after })
const broker = kafka.brokers[0] ?? ''
const pg = await withPostgres({ after })
const folder = await ownFolder({ after })
const warehouse = `file://${folder}/warehouse`
const store = await openStore({ url: pg.appUrl, poolSize: 4, applicationName: 'test' })
after(() => store[Symbol.asyncDispose]())
const bus = openBus({ brokers: kafka.brokers, clientId: 'test', publishTimeoutMs: 20_000 })
after(() => bus[Symbol.asyncDispose]())
const objects = openObjectStore({ warehouse })

const tenants = Array.from({ length: TENANTS }, (_, at) => ({ id: uuidv7(), slug: `tenant-${at}` }))
const raw = tenants.map(({ id }) => rawTopic(id))

test(`${TENANTS} tenants’ topics on one worker: it is ready soon, stays small, and idles cheaply`, async (t) => {
  const say = (text: string): void => t.diagnostic(text)
  const beganMs = performance.now()
  for (let at = 0; at < TENANTS; at += 100) {
    const some = tenants.slice(at, at + 100)
    const names = some.flatMap(({ id }) => [rawTopic(id), dlqTopic(id)])
    const made = await bus.admin.ensureTopics(names.map((name) => ({ name, partitions: 1 })))
    const ids = new Map(made.map((topic) => [topic.name, topic]))
    for (const { id, slug } of some) {
      await pg
        .sql('admin')
        .query(`INSERT INTO tenants (id, slug, name, status) VALUES ($1, $2, $2, 'active')`, [id, slug])
      const topic = ids.get(rawTopic(id))
      assert.ok(topic !== undefined)
      await store.asSystem((sql) => addSources(sql, id, topic))
    }
  }
  say(`${2 * TENANTS} topics made in ${seconds(performance.now() - beganMs)}`)

  const places = await Promise.all(
    tenants.slice(0, ACTIVE).map(async ({ id }) => {
      const schema = await makeSchema({ store }, id, DEFINITION)
      return { id, dataset: await makeDataset({ store, objects, warehouse }, id, 'events', schema.uri) }
    }),
  )
  const metadata = await metadataBytes(broker, raw)
  say(
    `the route of ${raw.length} topics: ${Math.round(metadata / 1024)} KiB of metadata, ${Math.round(metadata / raw.length)} bytes each`,
  )
  assert.ok(metadata / raw.length < 300, `${metadata} bytes`)

  const startedMs = performance.now()
  const worker = fork(join(import.meta.dirname, '../kit/worker-process.ts'), {
    env: {
      PATH: process.env['PATH'],
      ...kafka.settings,
      PULSE_DATABASE_URL: pg.appUrl,
      PULSE_WAREHOUSE: warehouse,
      PULSE_DATA_DIR: join(folder, 'data'),
      PULSE_WORKER_METRICS_PORT: '0',
      PULSE_WORKER_HEALTH_PORT: '0',
      PULSE_FLUSH_SECONDS: '0.5',
      PULSE_LOG_LEVEL: 'fatal',
    },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  t.after(() => void worker.kill('SIGKILL'))
  const [{ ports }] = (await once(worker, 'message')) as [{ ports: { metrics: number } }]
  say(`the worker serves after ${seconds(performance.now() - startedMs)}`)
  const metric = async (name: string): Promise<number> => {
    const page = await (await fetch(`http://127.0.0.1:${ports.metrics}/metrics`)).text()
    return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)`, 'm').exec(page)?.[1])
  }
  await until(
    'all partitions to be owned',
    async () => (await metric('pulse_worker_partitions_owned')) === TENANTS,
    60_000,
  )
  const ownedMs = performance.now() - startedMs
  say(`all ${TENANTS} partitions owned after ${seconds(ownedMs)}`)
  assert.ok(ownedMs < 45_000, `${ownedMs} ms`)

  const verdicts = await (async () => {
    await using publisher = bus.publisher()
    return publisher.publish(
      places.map(({ id, dataset }, n) => ({
        topic: rawTopic(id),
        key: Buffer.from(uuidv7()),
        value: Buffer.from(JSON.stringify({ dataset: 'events', data: { timestamp: '2026-03-01T02:03:04Z', n } })),
        headers: {
          entries: [
            [RECORD_HEADERS.dataset, dataset.id],
            [RECORD_HEADERS.schema, dataset.schema_id],
            [RECORD_HEADERS.receivedAt, new Date().toISOString()],
          ].map(([name, value]) => [Buffer.from(name as string), Buffer.from(value as string)] as const),
        },
      })),
    )
  })()
  assert.ok(verdicts.every((verdict) => verdict === null))
  const publishedMs = performance.now()
  const rows = async (): Promise<number> => {
    const counts = await Promise.all(
      places.map(async ({ id, dataset }) => {
        const table = { tenantId: id, namespace: dataset.namespace, name: 'events' }
        return (await tableRows({ store, objects, tempDir: folder }, table, 'n')).length
      }),
    )
    return counts.reduce((sum, count) => sum + count, 0)
  }
  await until('the events of the active tenants to be rows', async () => (await rows()) === ACTIVE, 60_000, 200)
  say(
    `one event of each of ${ACTIVE} tenants is a row within ${seconds(performance.now() - publishedMs)} (half-second flush)`,
  )
  assert.equal(await rows(), ACTIVE)

  const [cpuMs, idleFromMs] = [cpuOf(worker.pid ?? 0), performance.now()]
  await sleep(10_000)
  const busy = (cpuOf(worker.pid ?? 0) - cpuMs) / (performance.now() - idleFromMs)
  const resident = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${worker.pid}/status`, 'utf8'))?.[1]) / 1024
  say(`idle it takes ${(busy * 100).toFixed(1)} % of a core and ${Math.round(resident)} MiB resident`)
  assert.ok(busy < 0.6, `${busy} of a core`)
  assert.ok(resident < 600, `${resident} MiB`)
})

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

/** User and system time of a process in milliseconds (`proc_pid_stat(5)`, 100 ticks a second). */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

/** The size of a broker's answer to a Metadata request (version 12) for these topics, as it comes over the wire. */
async function metadataBytes(address: string, names: readonly string[]): Promise<number> {
  const body = new WireWriter(true)
  body.int16(3).int16(12).int32(1)
  // The client's name has the old length even in a flexible request (KIP-482).
  body.int16(-1).tags()
  body
    .structs(names, (name) => body.uuid('00000000-0000-0000-0000-000000000000').string(name))
    .bool(false)
    .bool(false)
    .tags()
  const request = Buffer.concat(body.parts())
  const length = Buffer.alloc(4)
  length.writeInt32BE(request.length)
  const socket = connect(Number(address.split(':')[1]), address.split(':')[0])
  try {
    socket.write(Buffer.concat([length, request]))
    const [head] = (await once(socket, 'data', { signal: AbortSignal.timeout(20_000) })) as [Buffer]
    return head.readInt32BE()
  } finally {
    socket.destroy()
  }
}
