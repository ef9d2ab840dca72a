import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { makeJourney, withApi } from '../kit/api-server.ts'
import { beginUpload } from '../kit/uploading.ts'

const MOST = 100_000
const api = await withApi({ after }, { settings: { batchMaxBytes: MOST } })
const place = await makeJourney(api)
const ROW = '{"timestamp":"2026-11-25T08:00:00Z","n":1}\n'
const FITS = Math.floor(MOST / ROW.length)
const HEADERS = { 'content-type': 'application/x-ndjson', 'x-tenant-id': place.tenant }
const sent = (): number => api.bus.records.get(`pulse.${place.tenant}.events.raw`)?.length ?? 0

test('a file that says it is too large is refused before a row of it is taken', async () => {
  const from = sent()
  const answer = await api.ask('POST', '/v1/datasets/events/batch', {
    tenant: place.tenant,
    body: ROW.repeat(FITS + 1),
    headers: { 'content-type': 'application/x-ndjson' },
  })
  assert.deepEqual([answer.status, answer.body['code'], answer.body['batch_id']], [413, 'too_large', undefined])
  assert.match(String(answer.body['detail']), /may have 100000 bytes/)
  assert.equal(sent(), from)
  const fits = await api.ask('POST', '/v1/datasets/events/batch', {
    tenant: place.tenant,
    body: ROW.repeat(FITS),
    headers: { 'content-type': 'application/x-ndjson' },
  })
  assert.deepEqual([fits.status, fits.body['accepted']], [202, FITS], fits.text)
})

test('one that does not say it, or is packed, is taken as far as it may be, and the batch says so', async () => {
  const whole = ROW.repeat(FITS + 100)
  for (const [body, headers] of [
    [whole, {}],
    [gzipSync(whole), { 'content-encoding': 'gzip' }],
  ] as const) {
    const uploading = beginUpload(api.url, 'events', { ...HEADERS, ...headers })
    await uploading.write(body)
    uploading.end()
    const { status, body: told } = await uploading.answer
    assert.deepEqual([status, told['code']], [413, 'too_large'], JSON.stringify(told))
    assert.ok(Number(told['accepted']) <= FITS)
    const { body: batch } = await api.ask('GET', `/v1/batches/${String(told['batch_id'])}`, { tenant: place.tenant })
    assert.deepEqual([batch['status'], batch['problem'].code], ['failed', 'too_large'])
  }
})
