import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { Client } from 'pg'
import { openBus, type Bus } from '../../src/bus/index.ts'
import { RECORD_HEADERS, rawTopic } from '../../src/event/index.ts'
import { call, makePlace, type Place } from '../kit/api.ts'
import { bootPulse, type System } from '../kit/system.ts'
import { until } from '../kit/until.ts'

/** What becomes of an event on the whole system, as its sender and its operator see it. */
const DEFINITION = {
  type: 'object',
  properties: { timestamp: { type: 'string', format: 'date-time' }, n: { type: 'integer' } },
  required: ['timestamp', 'n'],
}
const AT = '2026-11-25T08:00:00Z'
const FLUSH_SECONDS = 0.3

let system: System
let place: Place
let schemaId: string
let bus: Bus
let admin: Client

before(
  async () => {
    system = await bootPulse({ PULSE_FLUSH_SECONDS: String(FLUSH_SECONDS) })
    place = await makePlace(system.baseUrl, DEFINITION)
    schemaId = String((await get(`/v1/datasets/${place.dataset}`))['schema_id'])
    bus = openBus({ brokers: [`127.0.0.1:${system.port('bus')}`], clientId: 'somebody', publishTimeoutMs: 5_000 })
    admin = new Client({ connectionString: system.adminUrl() })
    await admin.connect()
  },
  { timeout: 90_000 },
)

after(
  async () => {
    await admin?.end()
    await bus?.[Symbol.asyncDispose]()
    await system?.[Symbol.asyncDispose]()
  },
  { timeout: 60_000 },
)

const ask = (method: string, path: string, body?: unknown) =>
  call(system.baseUrl, method, path, { tenantId: place.tenantId, ...(body === undefined ? {} : { body }) })
async function get(path: string): Promise<Record<string, unknown>> {
  const { status, body } = await ask('GET', path)
  assert.equal(status, 200, JSON.stringify(body))
  return body
}
const receipt = (id: string) => get(`/v1/events/${id}?dataset=${place.dataset}`)
const statusOf = async (id: string) => (await receipt(id))['status']
const LETTERS = () => `/v1/datasets/${place.dataset}/dead-letters`

async function send(id: string, n: number): Promise<string> {
  const data = { timestamp: AT, n }
  const { status, body } = await ask('POST', '/v1/collect', { dataset: place.dataset, event_id: id, data })
  assert.equal(status, 202, JSON.stringify(body))
  return new Date().toISOString()
}

/** Events that no column can hold, from somebody whose word the worker takes; each becomes a dead letter. */
async function sendBad(count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, () => randomUUID())
  const headers = {
    entries: [
      [RECORD_HEADERS.dataset, place.datasetId],
      [RECORD_HEADERS.schema, schemaId],
      [RECORD_HEADERS.receivedAt, new Date().toISOString()],
      [RECORD_HEADERS.traceparent, '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00'],
    ].map(([name, value]) => [Buffer.from(name ?? ''), Buffer.from(value ?? '')] as const),
  }
  await using publisher = bus.publisher()
  const verdicts = await publisher.publish(
    ids.map((id, n) => ({
      topic: rawTopic(place.tenantId),
      key: Buffer.from(id),
      value: Buffer.from(JSON.stringify({ dataset: place.dataset, data: { timestamp: AT, n: `number ${n}` } })),
      headers,
    })),
  )
  assert.ok(verdicts.every((verdict) => verdict === null))
  for (const id of ids) await until('it to be a dead letter', async () => (await statusOf(id)) === 'dead_lettered')
  return ids
}

async function rowsOf(ids: readonly string[]): Promise<number[]> {
  const { rows } = await get(`/v1/datasets/${place.dataset}/preview?limit=1000`)
  const wanted = (rows as { _event_id: string; n: number }[]).filter((row) => ids.includes(row['_event_id']))
  return wanted.map(({ n }) => n).toSorted((a, b) => a - b)
}

test('a receipt leads from accepted to committed, and its snapshot is the table’s', { timeout: 60_000 }, async () => {
  const id = randomUUID()
  await send(id, 1)
  await until('it to be committed', async () => (await statusOf(id)) === 'committed')
  const [told, dataset] = [await receipt(id), await get(`/v1/datasets/${place.dataset}`)]
  assert.equal(told['snapshot_id'], dataset['snapshot_id'])
  const shown = await get(`/v1/datasets/${place.dataset}/preview?snapshot_id=${String(told['snapshot_id'])}`)
  assert.deepEqual(
    (shown['rows'] as { _event_id: string; _source: string }[]).map((row) => [row['_event_id'], row['_source']]),
    [[id, told['source']]],
  )
})

test(
  'while the worker sleeps an accepted event lies behind the watermark, and one that never came before it',
  {
    timeout: 60_000,
  },
  async () => {
    const worker = system.pid('worker')
    assert.ok(worker !== undefined)
    const [never, early] = [randomUUID(), randomUUID()]
    await send(early, 2)
    await until('it to be committed', async () => (await statusOf(early)) === 'committed')
    const before = new Date().toISOString()
    await until('the watermark to pass', async () => String((await receipt(never))['watermark']) > before)
    process.kill(worker, 'SIGSTOP')
    try {
      const late = randomUUID()
      const acknowledgedAt = await send(late, 3)
      // Asked anew after half a second at most, and then it holds still.
      await until('the watermark to hold', async () => String((await receipt(late))['watermark']) < acknowledgedAt)
      const told = await receipt(late)
      assert.equal(told['status'], 'not_settled')
      assert.ok(String(told['watermark']) > before, `${String(told['watermark'])} ${before}`)
      process.kill(worker, 'SIGCONT')
      await until('it to be committed', async () => (await statusOf(late)) === 'committed')
      await until('the watermark to move on', async () => String((await receipt(never))['watermark']) > acknowledgedAt)
    } finally {
      process.kill(worker, 'SIGCONT')
    }
  },
)

test('a dead letter is corrected and sent again, by two at once: one row', { timeout: 60_000 }, async () => {
  const [id = ''] = await sendBad(1)
  const told = (await receipt(id))['dead_letter'] as Record<string, unknown>
  assert.deepEqual([told['reason'], told['replayed_at']], ['unconvertible', null])
  const path = `${LETTERS()}/${String(told['id'])}`
  const letter = await get(path)
  assert.deepEqual(letter['payload'], { dataset: place.dataset, data: { timestamp: AT, n: 'number 0' } })
  assert.equal(letter['trace_id'], '0af7651916cd43dd8448eb211c80319c')
  assert.equal((await ask('POST', `${path}/replay`, {})).status, 422, 'as it is it is refused')
  const data = { timestamp: AT, n: 41 }
  const both = await Promise.all([1, 2].map(() => ask('POST', `${path}/replay`, { data })))
  assert.deepEqual(
    both.map(({ status }) => status),
    [200, 200],
  )
  await until('it to be committed', async () => (await statusOf(id)) === 'committed')
  const after = randomUUID()
  await send(after, 5)
  await until('what came behind it', async () => (await statusOf(after)) === 'committed')
  assert.deepEqual(await rowsOf([id]), [41])
})

test(
  'an API that is killed between the bus and the mark leaves letters that go again, and no row twice',
  {
    timeout: 90_000,
  },
  async () => {
    const ids = await sendBad(3)
    const letterOf = async (id: string) => ((await receipt(id))['dead_letter'] as { id: string }).id
    const numbers = await Promise.all(ids.map(letterOf))
    const end = async (): Promise<number> => {
      const [topic] = await bus.admin.describeTopics([rawTopic(place.tenantId)])
      const partitions = Array.from({ length: topic?.partitions ?? 0 }, (_, partition) => partition)
      const offsets = await bus.admin.offsets(
        partitions.map((partition) => ({ topic: rawTopic(place.tenantId), partition })),
      )
      return offsets.reduce((sum, { latest }) => sum + latest, 0)
    }
    const before = await end()
    // Held by somebody else, the mark waits: the bus has the event by then.
    await admin.query('BEGIN')
    await admin.query('SELECT FROM dead_letters WHERE number = ANY ($1) FOR UPDATE', [numbers])
    const replays = ids.map((_, n) =>
      ask('POST', `${LETTERS()}/${numbers[n]}/replay`, { data: { timestamp: AT, n: 100 + n } }).catch(() => undefined),
    )
    try {
      await until('the bus to have them', async () => (await end()) === before + 3, 10_000, 5)
      system.kill9('api')
    } finally {
      await admin.query('ROLLBACK')
    }
    await Promise.all(replays)
    const { rows } = await admin.query('SELECT FROM dead_letters WHERE number = ANY ($1) AND replayed_at IS NULL', [
      numbers,
    ])
    assert.equal(rows.length, 3, 'none is marked')
    const again = (n: number) =>
      ask('POST', `${LETTERS()}/${numbers[n]}/replay`, { data: { timestamp: AT, n: 100 + n } }).catch(() => undefined)
    for (const n of ids.keys()) await until('the API to be back', async () => (await again(n))?.status === 200, 30_000)
    for (const id of ids) await until('it to be committed', async () => (await statusOf(id)) === 'committed')
    const settled = async (): Promise<number> => {
      const { rows: sums } = await admin.query<{ records: number }>(
        'SELECT sum(records)::int AS records FROM flush_totals WHERE dataset_id = $1',
        [place.datasetId],
      )
      return sums[0]?.records ?? 0
    }
    await until('everything to be settled', async () => (await settled()) >= (await end()))
    assert.deepEqual(await rowsOf(ids), [100, 101, 102])
  },
)
