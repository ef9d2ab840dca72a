import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { makeJourney, withApi, type Answer } from '../kit/api-server.ts'
import { until } from '../kit/until.ts'
import { beginUpload } from '../kit/uploading.ts'

/** Who may upload, and how fast: keys and allowances hold for files as for single events. */
const open = await withApi({ after })
const place = await makeJourney(open)
const ROW = '{"timestamp":"2026-11-25T08:00:00Z","n":1}\n'

test('an upload waits for its allowance, and keeps to it', async () => {
  const limits = { events_per_second: 1_000 }
  const changed = await open.ask('PATCH', `/v1/tenants/${place.tenant}`, { body: { limits } })
  assert.equal(changed.status, 200, changed.text)
  const rows = 6_000
  const startedAt = performance.now()
  const answer: Answer = await open.ask('POST', '/v1/datasets/events/batch', {
    tenant: place.tenant,
    body: ROW.repeat(rows),
    headers: { 'content-type': 'application/x-ndjson' },
  })
  const tookMs = performance.now() - startedAt
  assert.deepEqual([answer.status, answer.body['accepted']], [202, rows], answer.text)
  // A second's allowance and the last loads may be taken at once; the rest comes in its time.
  assert.ok(tookMs > 2_000, `${rows} rows in ${Math.round(tookMs)} ms`)
})

test('an upload stops where the day’s allowance is used up, says when it goes on, and can be gone on with', async () => {
  const other = await makeJourney(open)
  const topic = `pulse.${other.tenant}.events.raw`
  await open.ask('PATCH', `/v1/tenants/${other.tenant}`, { body: { limits: { events_per_day: 1_000 } } })
  const answer = await open.ask('POST', '/v1/datasets/events/batch', {
    tenant: other.tenant,
    body: ROW.repeat(8_000),
    headers: { 'content-type': 'application/x-ndjson' },
  })
  assert.deepEqual([answer.status, answer.body['code']], [429, 'quota_exceeded'], answer.text)
  assert.ok(Number(answer.headers.get('retry-after')) > 0)
  assert.ok((open.bus.records.get(topic)?.length ?? 0) <= 3_500)
  await open.ask('PATCH', `/v1/tenants/${other.tenant}`, { body: { limits: null } })
  await until(
    'the allowance to be gone',
    async () => {
      const again = await open.ask('POST', '/v1/datasets/events/batch', {
        tenant: other.tenant,
        body: ROW.repeat(8_000),
        headers: { 'content-type': 'application/x-ndjson', 'upload-id': String(answer.body['batch_id']) },
      })
      return again.status === 202 && again.body['accepted'] === 8_000
    },
    20_000,
    200,
  )
})

test('a slow body on a route that takes no file is ended, an upload’s is not', async (t) => {
  const api = await withApi(t, { settings: { collectBodyTimeoutMs: 100 } })
  const own = await makeJourney(api)
  const uploading = beginUpload(api.url, 'events', {
    'content-type': 'application/x-ndjson',
    'x-tenant-id': own.tenant,
  })
  await uploading.write(ROW)
  const slow = await fetch(`${api.url}/v1/datasets`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-tenant-id': own.tenant },
    duplex: 'half',
    body: new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode('{"slug":')),
    }),
  } as RequestInit)
  assert.equal(slow.status, 408)
  assert.equal(((await slow.json()) as { code: string }).code, 'request_timeout')
  await uploading.write(ROW)
  uploading.end()
  assert.equal((await uploading.answer).body['accepted'], 2)
})
