import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Client } from 'pg'
import { openBus, type Bus } from '../../src/bus/index.ts'
import { dlqTopic, rawTopic } from '../../src/event/index.ts'
import { call, makePlace, type Place } from '../kit/api.ts'
import { bootPulse, type System } from '../kit/system.ts'
import { until } from '../kit/until.ts'

/** What docs/operate/dead-letters.md tells an operator to do, done word for word on the running system. */
const DEFINITION = {
  type: 'object',
  properties: { timestamp: { type: 'string', format: 'date-time' }, n: { type: 'integer' } },
  required: ['timestamp'],
}

let system: System
let place: Place
let bus: Bus
let postgres: Client
let blocks: readonly string[]

before(
  async () => {
    const page = await readFile(join(import.meta.dirname, '../../docs/operate/dead-letters.md'), 'utf8')
    blocks = [...page.matchAll(/```sql\n([\s\S]*?)```/g)].map(([, sql = '']) => sql)
    system = await bootPulse({ PULSE_FLUSH_SECONDS: '0.3' })
    place = await makePlace(system.baseUrl, DEFINITION)
    bus = openBus({ brokers: [`127.0.0.1:${system.port('bus')}`], clientId: 'somebody', publishTimeoutMs: 5_000 })
    postgres = new Client({ connectionString: system.adminUrl() })
    await postgres.connect()
  },
  { timeout: 90_000 },
)

after(
  async () => {
    await postgres?.end()
    await bus?.[Symbol.asyncDispose]()
    await system?.[Symbol.asyncDispose]()
  },
  { timeout: 60_000 },
)

/** A record as somebody else might write it: for a dataset that the tenant does not have. */
async function strayRecord(event: unknown): Promise<string> {
  const id = randomUUID()
  await using publisher = bus.publisher()
  const [verdict] = await publisher.publish([
    {
      topic: rawTopic(place.tenantId),
      key: Buffer.from(id),
      value: Buffer.from(JSON.stringify(event)),
      headers: { entries: [[Buffer.from('pulse-dataset'), Buffer.from(randomUUID())]] },
    },
  ])
  assert.equal(verdict, null)
  return id
}

test('a dead letter is read, found on the topic, and sent again, as the page says', { timeout: 60_000 }, async () => {
  const event = { dataset: place.dataset, data: { timestamp: '2026-01-02T03:04:05Z', n: 7 } }
  const id = await strayRecord(event)
  const [newest = '', byDay = '', lines = ''] = blocks
  const letters = async () => (await postgres.query<Record<string, unknown>>(newest)).rows
  await until('the letter to be relayed', async () => (await letters())[0]?.['relayed_at'], 20_000)
  const [letter] = await letters()
  assert.deepEqual(
    [letter?.['tenant'], letter?.['reason'], letter?.['event_id'], JSON.parse(String(letter?.['event']))],
    [place.tenantSlug, 'unknown_dataset', id, event],
  )
  assert.equal(letter?.['source'], `${rawTopic(place.tenantId)}/0/0`)
  const [day] = (await postgres.query<Record<string, unknown>>(byDay)).rows
  assert.deepEqual([day?.['tenant'], day?.['reason'], day?.['count']], [place.tenantSlug, 'unknown_dataset', '1'])

  const [topic] = await bus.admin.describeTopics([dlqTopic(place.tenantId)])
  assert.ok(topic)
  await using reader = bus.reader()
  const { partitions } = await reader.fetch([{ topicId: topic.topicId, topic: topic.name, partition: 0, offset: 0 }], {
    maxBytes: 1 << 20,
    maxWaitMs: 5_000,
  })
  const [copy] = partitions.flatMap(({ records }) => records)
  assert.equal(copy?.key?.toString(), id)
  const headers = Object.fromEntries((copy?.headers ?? []).map(([name, value]) => [String(name), String(value)]))
  assert.equal(headers['pulse-reason'], 'unknown_dataset')
  assert.equal(headers['pulse-source'], letter?.['source'])

  const again = lines.replace('table_unavailable', 'unknown_dataset').replace('<tenant id>', place.tenantId)
  const { rows } = await postgres.query<{ line: unknown }>(again)
  for (let time = 0; time < 2; time += 1) {
    const answer = await fetch(`${system.baseUrl}/v1/collect`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson', 'x-tenant-id': place.tenantId },
      body: rows.map(({ line }) => JSON.stringify(line)).join('\n'),
      signal: AbortSignal.timeout(10_000),
    })
    assert.equal(answer.status, 202, await answer.text())
  }
  const rowsOf = async (): Promise<Record<string, unknown>[]> => {
    const path = `/v1/datasets/${place.dataset}/preview?limit=10`
    const { body } = await call(system.baseUrl, 'GET', path, { tenantId: place.tenantId })
    return body['rows'] as Record<string, unknown>[]
  }
  await until('the row', async () => (await rowsOf()).length > 0, 20_000)
  const settled = `SELECT sum(records)::int AS records FROM flush_totals WHERE dataset_id = $1`
  await until(
    'both to be settled',
    async () => (await postgres.query<{ records: number }>(settled, [place.datasetId])).rows[0]?.records === 2,
    20_000,
  )
  const found = await rowsOf()
  assert.deepEqual(
    found.map((row) => [row['_event_id'], row['n']]),
    [[id, 7]],
  )
})
