import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { listen, openMetrics, listenApi, type Announcements } from '../../src/telemetry/index.ts'
import { collectInto, TRACE } from '../kit/collect.ts'
import { sumOf, valuesOf } from '../kit/exposition.ts'
import { chance } from '../kit/seed.ts'

function hear(t: TestContext): Announcements['collect.settled'][] {
  const said: Announcements['collect.settled'][] = []
  t.after(listen('collect.settled', (one) => void said.push(one)))
  return said
}

const event = (dataset: string, more = ''): string =>
  `{"dataset":"${dataset}","data":{"timestamp":"2026-11-25T08:00:00Z"${more}}}`

test('each request says once per dataset what became of its events', async (t) => {
  const said = hear(t)
  const { collect, answerWith } = collectInto({ a: { properties: {} }, b: { properties: {} } })
  answerWith((_record, index) => (index === 2 ? { code: 'timeout', detail: 'none' } : null))
  const lines = [event('a'), event('b'), event('a', ',"x":1'), event('none'), 'nonsense', event('a')]
  await collect({ body: lines.join('\n'), contentType: 'application/x-ndjson' })
  const base = { tenant: 'acme', traceId: TRACE.traceId }
  const bytes = (...at: number[]) => at.reduce((sum, index) => sum + (lines[index]?.length ?? 0), 0)
  const unknown = { unknown_dataset: 1, malformed: 1 }
  assert.deepEqual(said, [
    { ...base, dataset: 'a', accepted: 1, rejected: 1, failed: 1, bytes: bytes(0, 2, 5), reasons: { schema: 1 } },
    { ...base, dataset: 'b', accepted: 1, rejected: 0, failed: 0, bytes: bytes(1), reasons: {} },
    { ...base, dataset: '_unknown', accepted: 0, rejected: 2, failed: 0, bytes: bytes(3, 4), reasons: unknown },
  ])
})

/** Kinds of events, and why each is rejected; undefined: it is not. */
const KINDS: readonly (readonly [line: string, reason: string | undefined])[] = [
  [event('a'), undefined],
  [event('b'), undefined],
  [event('a', ',"x":1'), 'schema'],
  [event('b', ',"n":1e400'), 'schema'],
  [event('b', ',"n":"text"'), 'schema'],
  ['{"dataset":"a","data":{},"more":1}', 'schema'],
  ['{"dataset":"a","event_id":"none","data":{}}', 'schema'],
  [event('none'), 'unknown_dataset'],
  [event('__proto__'), 'unknown_dataset'],
  ['nonsense', 'malformed'],
  ['{"dataset":"a","dataset":"a","data":{}}', 'malformed'],
  [event('a', `,"x":"${'x'.repeat(400)}"`), 'too_large'],
]

test('whatever comes, the reasons add up to the rejected, in every announcement and in the metrics', async (t) => {
  const said = hear(t)
  const metrics = openMetrics({ plane: 'api', processMetrics: false })
  t.after(listenApi(metrics))
  const { collect } = collectInto(
    { a: { properties: {} }, b: { properties: { n: { type: 'number' } } } },
    { limits: { maxEventBytes: 300 } },
  )
  const { seed, between, pick } = chance()
  t.diagnostic(`seed ${seed}`)
  const expected = new Map<string, number>()
  for (let round = 0; round < 60; round += 1) {
    const lines: string[] = []
    for (let left = between(1, 12); left > 0; left -= 1) {
      const [line, reason] = pick(KINDS)
      lines.push(line)
      if (reason !== undefined) expected.set(reason, (expected.get(reason) ?? 0) + 1)
    }
    await collect({ body: lines.join('\n'), contentType: 'application/x-ndjson' })
  }
  for (const { rejected, reasons } of said)
    assert.equal(
      Object.values(reasons).reduce((sum, events) => sum + events, 0),
      rejected,
    )
  const { body } = await metrics.exposition()
  const values = valuesOf(body)
  for (const [reason, events] of expected)
    assert.equal(values.get(`pulse_api_collect_rejected_total{reason="${reason}",tenant="acme"}`), events, reason)
  const rejected = [...values].filter(([key]) => /^pulse_api_collect_events_total.*outcome="rejected"/.test(key))
  assert.equal(
    rejected.reduce((sum, [, value]) => sum + value, 0),
    sumOf(body, 'pulse_api_collect_rejected_total'),
  )
})
