import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import { Problem } from '../../src/problems/index.ts'
import { makeJourney, withApi } from '../kit/api-server.ts'
import { until } from '../kit/until.ts'
import { beginUpload } from '../kit/uploading.ts'

let postgresIsAway = false
const api = await withApi(
  { after },
  {
    store: (store) => ({
      ...store,
      asTenant: (tenantId, act, options) =>
        store.asTenant(
          tenantId,
          (sql) => {
            if (postgresIsAway && options?.name === 'batch') throw away()
            return act(sql)
          },
          options,
        ),
    }),
  },
)
const away = (): Error => new Problem('dependency_away', 'Postgres is away.', { retryAfterSeconds: 1 })
const place = await makeJourney(api)
const TOPIC = `pulse.${place.tenant}.events.raw`
const rowAt = (n: number): string => `{"timestamp":"2026-11-25T08:00:00Z","n":${n},"user":"${'x'.repeat(200)}"}\n`
const rows = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, at) => rowAt(from + at)).join('')
const HEADERS = { 'content-type': 'application/x-ndjson', 'x-tenant-id': place.tenant }

const sent = (): { event_id: string; data: { n: number } }[] =>
  (api.bus.records.get(TOPIC) ?? []).map(({ value }) => JSON.parse(value.toString()))
// oxlint-disable-next-line typescript/no-explicit-any -- answers are whatever JSON they are
const batchOf = async (id: string): Promise<Record<string, any>> =>
  (await api.ask('GET', `/v1/batches/${id}`, { tenant: place.tenant })).body

/** Each row once by its id, all of them, whatever was sent twice. */
function assertWhole(from: number, count: number): void {
  const events = sent().slice(from)
  const byRow = new Map(events.map(({ event_id, data }) => [data.n, event_id]))
  assert.deepEqual(
    [...byRow.keys()].sort((a, b) => a - b),
    Array.from({ length: count }, (_, n) => n),
  )
  assert.equal(new Set(events.map(({ event_id }) => event_id)).size, count)
}

test('an upload that was cut goes on where it was, and no row is missing or another event', async () => {
  const from = sent().length
  const id = randomUUID()
  const whole = rows(0, 6_000)
  const first = beginUpload(api.url, 'events', { ...HEADERS, 'upload-id': id })
  // What was settled is kept every second, so parts come until some of it is.
  let written = 0
  await until(
    'some of the upload to be settled',
    async () => {
      if (written < 1_400_000) await first.write(whole.slice(written, (written += 50_000)))
      return Number((await batchOf(id))['upload_offset']) > 0
    },
    30_000,
    100,
  )
  first.cut()
  await until('the cut to be seen', async () => (await batchOf(id))['status'] === 'interrupted', 20_000, 50)
  const { upload_offset, accepted } = await batchOf(id)
  assert.ok(upload_offset > 0 && upload_offset <= written)
  assert.equal(accepted, whole.slice(0, upload_offset).split('\n').length - 1)

  const rest = beginUpload(api.url, 'events', { ...HEADERS, 'upload-id': id, 'upload-offset': String(upload_offset) })
  await rest.write(whole.slice(upload_offset))
  rest.end()
  const { status, body } = await rest.answer
  assert.equal(status, 202, JSON.stringify(body))
  assert.deepEqual([body['accepted'], body['status'], body['upload_offset']], [6_000, 'done', whole.length])
  assertWhole(from, 6_000)

  const before = sent().length
  const again = beginUpload(api.url, 'events', { ...HEADERS, 'upload-id': id })
  await again.write(whole)
  again.end()
  assert.equal((await again.answer).body['accepted'], 6_000)
  assert.equal(sent().length, before, 'what was settled is passed over')
})

test('whoever sends with the same upload-id goes on with the batch, and the one before hears of it', async () => {
  const from = sent().length
  const id = randomUUID()
  const whole = rows(0, 3_000)
  const first = beginUpload(api.url, 'events', { ...HEADERS, 'upload-id': id })
  await first.write(whole.slice(0, 400_000))
  await until('rows to be on the bus', () => sent().length > from, 20_000, 20)
  const second = beginUpload(api.url, 'events', { ...HEADERS, 'upload-id': id })
  await second.write(whole)
  second.end()
  assert.equal((await second.answer).body['accepted'], 3_000)
  await first.write(whole.slice(400_000))
  first.end()
  const { status, body } = await first.answer
  assert.deepEqual([status, body['code']], [409, 'conflict'], JSON.stringify(body))
  assertWhole(from, 3_000)
})

test('of two that begin an upload with the same id at once one goes on and the other hears why not, or both are whole', async () => {
  for (let round = 0; round < 5; round += 1) {
    const from = sent().length
    const id = randomUUID()
    const both = [1, 2].map(async () => {
      const one = beginUpload(api.url, 'events', { ...HEADERS, 'upload-id': id })
      await one.write(rows(0, 200))
      one.end()
      return one.answer
    })
    const answers = await Promise.all(both)
    for (const { status, body } of answers)
      assert.ok(status === 202 || (status === 409 && body['code'] === 'conflict'), JSON.stringify(body))
    assert.ok(answers.some(({ status }) => status === 202))
    assert.deepEqual([(await batchOf(id))['status'], (await batchOf(id))['accepted']], ['done', 200])
    assertWhole(from, 200)
  }
})

test('many small files do not push an upload that is under way out of the list', async () => {
  const id = randomUUID()
  const from = sent().length
  const slow = beginUpload(api.url, 'events', { ...HEADERS, 'upload-id': id })
  await slow.write(rows(0, 2_000))
  await until('rows to be on the bus', () => sent().length > from, 20_000, 20)
  for (let file = 0; file < 205; file += 1) {
    const answer = await api.ask('POST', '/v1/datasets/events/batch', {
      tenant: place.tenant,
      body: rowAt(file),
      headers: { 'content-type': 'application/x-ndjson' },
    })
    assert.equal(answer.status, 202, answer.text)
  }
  slow.end()
  const { status, body } = await slow.answer
  assert.deepEqual([status, body['accepted']], [202, 2_000], JSON.stringify(body))
  const list = (await api.ask('GET', '/v1/batches', { tenant: place.tenant })).body['items'] as unknown[]
  assert.equal(list.length, 200)
})

test('while the bus is away rows wait, and when it is back they are sent', async () => {
  const from = sent().length
  api.bus.failNext('publish', 3)
  const uploading = beginUpload(api.url, 'events', HEADERS)
  await uploading.write(rows(0, 1_000))
  uploading.end()
  const { body } = await uploading.answer
  assert.equal(body['accepted'], 1_000, JSON.stringify(body))
  assertWhole(from, 1_000)
})

test('a bus that loses its answers costs no row and makes none twice', async () => {
  const from = sent().length
  api.bus.loseAnswerOf('publish', 2)
  const uploading = beginUpload(api.url, 'events', HEADERS)
  await uploading.write(rows(0, 1_000))
  uploading.end()
  assert.equal((await uploading.answer).body['accepted'], 1_000)
  assertWhole(from, 1_000)
})

test('Postgres may be away while a file is on its way; at its end it must be there', async () => {
  const from = sent().length
  const id = randomUUID()
  const whole = rows(0, 2_000)
  const first = beginUpload(api.url, 'events', { ...HEADERS, 'upload-id': id })
  await first.write(whole.slice(0, 300_000))
  await until('rows to be on the bus', () => sent().length > from, 20_000, 20)
  postgresIsAway = true
  await first.write(whole.slice(300_000))
  first.end()
  const { status, body } = await first.answer
  postgresIsAway = false
  assert.deepEqual([status, body['code']], [503, 'dependency_away'], JSON.stringify(body))
  const again = beginUpload(api.url, 'events', { ...HEADERS, 'upload-id': id })
  await again.write(whole)
  again.end()
  assert.equal((await again.answer).body['accepted'], 2_000)
  assertWhole(from, 2_000)
})

test('a tenant has two uploads at once in a process, and hears when to come again', async () => {
  const open = [beginUpload(api.url, 'events', HEADERS), beginUpload(api.url, 'events', HEADERS)]
  const from = sent().length
  for (const one of open) await one.write(rows(0, 2_000))
  await until('both to be under way', () => sent().length > from + 2_000, 20_000, 20)
  const third = beginUpload(api.url, 'events', HEADERS)
  await third.write(rows(0, 1))
  third.end()
  const { status, body } = await third.answer
  assert.deepEqual([status, body['code']], [503, 'overloaded'])
  for (const one of open) {
    one.end()
    assert.equal((await one.answer).status, 202)
  }
})

test('an upload of a tenant that is suspended meanwhile ends where it is', async () => {
  const other = await makeJourney(api)
  const topic = `pulse.${other.tenant}.events.raw`
  const uploading = beginUpload(api.url, 'events', { ...HEADERS, 'x-tenant-id': other.tenant })
  await uploading.write(rows(0, 2_000))
  await until('rows to be on the bus', () => (api.bus.records.get(topic)?.length ?? 0) > 0, 20_000, 20)
  await api.ask('PATCH', `/v1/tenants/${other.tenant}`, { body: { status: 'suspended' } })
  const beats = setInterval(() => void uploading.write(rows(0, 2_000)).catch(() => undefined), 300)
  const { status, body } = await uploading.answer.finally(() => clearInterval(beats))
  assert.deepEqual([status, body['code']], [403, 'tenant_suspended'], JSON.stringify(body))
})

test('a process that stops ends uploads where they are, and another goes on with them', async (t) => {
  const second = await withApi(t)
  const own = await makeJourney(second)
  const topic = `pulse.${own.tenant}.events.raw`
  const id = randomUUID()
  const headers = { ...HEADERS, 'x-tenant-id': own.tenant, 'upload-id': id }
  const uploading = beginUpload(second.url, 'events', headers)
  await uploading.write(rows(0, 2_000))
  await until('rows to be on the bus', () => (second.bus.records.get(topic)?.length ?? 0) > 0, 20_000, 20)
  const closing = second.running.close()
  const { status, body } = await uploading.answer
  await closing
  assert.deepEqual([status, body['code']], [503, 'draining'], JSON.stringify(body))
  assert.equal(body['batch_id'], id)
  assert.ok(body['upload_offset'] > 0)
})
