import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { parseTraceparent, type Traceparent } from '../../src/event/index.ts'
import { openTraces } from '../../src/telemetry/traces/traces.ts'
import type { FinishedSpan } from '../../src/telemetry/traces/span.ts'
import { makeJourney, withApi, type Answer } from '../kit/api-server.ts'
import { until } from '../kit/until.ts'

/** `makeJourney` names its tenants so: the second is trusted. */
const FRIEND = `t-${process.pid}-2`
const STRANGERS = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const traces = openTraces({
  resource: { plane: 'api', service: 'pulse-api', version: '1', instance: 'i' },
  onExported: () => undefined,
})
after(() => traces[Symbol.asyncDispose]())

const never = await withApi({ after }, { settings: { tracesPerSecond: 0, trustedTraces: [FRIEND] } })
const stranger = await makeJourney(never)
const friend = await makeJourney(never)
const always = await withApi({ after }, { settings: { tracesPerSecond: 1_000 } })
const kept = await makeJourney(always)

const event = (slug: unknown) => ({ dataset: slug, data: { timestamp: '2026-11-25T08:00:00Z' } })
const post = (
  api: typeof never,
  journey: typeof kept,
  headers: Record<string, string> = {},
  slug = journey.dataset['slug'],
): Promise<Answer> => api.ask('POST', '/v1/collect', { tenant: journey.tenant, body: event(slug), headers })

function placeOf(answer: Answer): Traceparent {
  const place = parseTraceparent(answer.headers.get('traceparent') ?? undefined)
  assert.ok(place !== undefined)
  return place
}
const headerOfLast = (api: typeof never, journey: typeof kept): string | undefined =>
  api.bus.records
    .get(`pulse.${journey.tenant}.events.raw`)
    ?.at(-1)
    ?.headers.entries.find(([name]) => String(name) === 'traceparent')?.[1]
    .toString()
const spansOf = (traceId: string, enough: number): Promise<readonly FinishedSpan[]> =>
  until('the spans', () => traces.find(traceId).length >= enough && traces.find(traceId))

test('a sampled request says so in its answer, carries the send span in its records, and tells where its time went', async () => {
  const answer = await post(always, kept)
  const place = placeOf(answer)
  assert.equal(answer.status, 202)
  assert.equal(place.sampled, true)
  assert.match(answer.headers.get('server-timing') ?? '', /^validate;dur=\d+\.\d{3}, publish;dur=\d+\.\d{3}$/)
  const [validate, send, server] = await spansOf(place.traceId, 3)
  assert.deepEqual([server?.name, server?.spanId, server?.parentSpanId], ['POST /v1/collect', place.spanId, undefined])
  assert.deepEqual([send?.parentSpanId, validate?.parentSpanId], [place.spanId, place.spanId])
  assert.equal(headerOfLast(always, kept), `00-${place.traceId}-${send?.spanId}-01`)
  assert.equal(server?.attributes['pulse.tenant.id'], kept.slug)
})

test('a request that is not sampled carries its own place in its records, with the flag off, and makes no span', async () => {
  const answer = await post(never, stranger)
  const place = placeOf(answer)
  assert.equal(place.sampled, false)
  assert.equal(answer.headers.get('server-timing'), null)
  assert.equal(headerOfLast(never, stranger), place.header)
  assert.deepEqual(traces.find(place.traceId), [])
})

test('a sampled traceparent from a stranger does not make its request sampled, and is never the parent', async () => {
  const answer = await post(never, stranger, { traceparent: STRANGERS })
  assert.equal(placeOf(answer).sampled, false)
  assert.notEqual(placeOf(answer).traceId, parseTraceparent(STRANGERS)?.traceId)
  assert.deepEqual(traces.find('0af7651916cd43dd8448eb211c80319c'), [])
})

test('where the stranger’s request is sampled for our own reasons, its traceparent is linked', async () => {
  const answer = await post(always, kept, { traceparent: STRANGERS })
  const spans = await spansOf(placeOf(answer).traceId, 3)
  const server = spans.find(({ kind }) => kind === 'server')
  assert.equal(server?.parentSpanId, undefined)
  assert.deepEqual(
    server?.links?.map(({ traceId, spanId }) => [traceId, spanId]),
    [['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331']],
  )
})

test('a trusted tenant’s traceparent is obeyed: its trace, its span as the parent, its flag', async () => {
  const header = `00-${'5'.repeat(32)}-${'6'.repeat(16)}-01`
  const place = placeOf(await post(never, friend, { traceparent: header }))
  assert.deepEqual([place.traceId, place.sampled], ['5'.repeat(32), true])
  const spans = await spansOf(place.traceId, 3)
  assert.equal(spans.find(({ kind }) => kind === 'server')?.parentSpanId, '6'.repeat(16))
  const quiet = placeOf(await post(never, friend, { traceparent: header.replace(/1$/, '0') }))
  assert.deepEqual([quiet.traceId, quiet.sampled], ['5'.repeat(32), false])
})

test('a traceparent that is malformed or huge is ignored, whoever sends it', async () => {
  for (const header of [
    'x',
    `${STRANGERS}, ${STRANGERS}`,
    `01${STRANGERS.slice(2)}-${'x'.repeat(9_000)}`,
    '00-0-0-01',
  ]) {
    const answer = await post(never, friend, { traceparent: header })
    assert.equal(answer.status, 202)
    assert.equal(placeOf(answer).sampled, false)
  }
})

test('a request that was not sampled and fails is kept after all, with the send that failed', async (t) => {
  const api = await withApi(t, { settings: { tracesPerSecond: 1, trustedTraces: [] } })
  const journey = await makeJourney(api)
  const unsampled = await until('the second is used up', async () => {
    const place = placeOf(await post(api, journey))
    return place.sampled ? undefined : place
  })
  assert.deepEqual(traces.find(unsampled.traceId), [])
  api.bus.failNext('publish')
  const failed = await post(api, journey)
  assert.equal(failed.status, 503)
  const place = placeOf(failed)
  assert.equal(place.sampled, true)
  assert.equal(failed.body['trace_id'], place.traceId)
  const spans = await spansOf(place.traceId, 3)
  const send = spans.find(({ kind }) => kind === 'producer')
  const server = spans.find(({ kind }) => kind === 'server')
  assert.equal(send?.parentSpanId, server?.spanId)
  assert.match(send?.error ?? '', /^timeout: publish failed on purpose/)
  assert.equal(server?.error, 'publish_failed')
})

test('other routes are sampled by the same rate, in the tenant’s place or without one', async () => {
  for (const [path, tenant] of [
    ['/v1/datasets', kept.tenant],
    ['/v1/tenants', undefined],
  ] as const) {
    const place = placeOf(await always.ask('GET', path, tenant === undefined ? {} : { tenant }))
    assert.equal(place.sampled, true, path)
    const [server] = await spansOf(place.traceId, 1)
    assert.equal(server?.name, `GET ${path}`)
    assert.equal(placeOf(await never.ask('GET', path, { tenant: stranger.tenant })).sampled, false)
  }
})

test('probes, scrapes and what matches no route are nobody’s traces', async () => {
  for (const path of ['/health', '/ready', '/metrics/', '/no/such/path'])
    assert.equal(placeOf(await always.ask('GET', path)).sampled, false, path)
})

test('with telemetry off nothing is sampled, a trusted caller’s neither', async (t) => {
  const api = await withApi(t, {
    settings: { tracesPerSecond: 1_000, telemetry: 'off', trustedTraces: ['pulse-canary'] },
  })
  const journey = await makeJourney(api)
  assert.equal(placeOf(await post(api, journey, { traceparent: STRANGERS })).sampled, false)
})
