import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { deliver } from '../../src/batch/deliver.ts'
import { incoming } from '../../src/batch/incoming.ts'
import type { Collect, Verdict } from '../../src/collect/index.ts'
import { Problem } from '../../src/problems/index.ts'

const EVENTS = [1, 2, 3].map((line) => ({ line, eventId: `id-${line}`, text: `{"n":${line}}\n` }))
type Sent = { readonly lines: readonly string[]; readonly isCharged: boolean }

/** A collect that answers as it is told, one step a call, and accepts after that. */
function collecting(steps: readonly (Problem | ((line: string) => Verdict['status']))[]): {
  collect: Collect
  sent: Sent[]
} {
  const sent: Sent[] = []
  const collect: Collect = async ({ body, charge }) => {
    const step = steps[sent.length]
    const lines = body.toString().trim().split('\n')
    sent.push({ lines, isCharged: charge !== undefined })
    if (step instanceof Problem) throw step
    const verdicts = lines.map((line): Verdict => ({ event_id: line, status: step?.(line) ?? 'accepted' }))
    return { verdicts } as unknown as Awaited<ReturnType<Collect>>
  }
  return { collect, sent }
}
const to = (collect: Collect, more: object = {}) => ({
  collect,
  tenantId: '018f4c6e-0000-7000-8000-00000000000a',
  tenantSlug: 'acme',
  traceId: '0af7651916cd43dd8448eb211c80319c',
  signal: new AbortController().signal,
  patienceMs: 1_000,
  ...more,
})

test('only what the bus did not acknowledge is sent again, and verdicts keep their order', async () => {
  const { collect, sent } = collecting([
    (line) => (line.includes('2') ? 'failed' : line.includes('3') ? 'rejected' : 'accepted'),
  ])
  const verdicts = await deliver(EVENTS, to(collect, { charge: () => undefined }))
  assert.deepEqual(
    verdicts.map(({ status }) => status),
    ['accepted', 'accepted', 'rejected'],
  )
  assert.deepEqual(sent, [
    { lines: ['{"n":1}', '{"n":2}', '{"n":3}'], isCharged: true },
    { lines: ['{"n":2}'], isCharged: false },
  ])
})

test('rows wait for a bus or a Postgres that is away, and no longer than patience lasts', async () => {
  const away = new Problem('dependency_away', 'Postgres is away.')
  const { collect, sent } = collecting([away, new Problem('overloaded', 'Slow.')])
  assert.equal((await deliver(EVENTS, to(collect))).length, 3)
  assert.equal(sent.length, 3)
  let nowMs = 0
  const never = collecting(Array.from({ length: 100 }, () => () => 'failed' as const))
  const waiting = deliver(EVENTS, to(never.collect, { now: () => (nowMs += 300) }))
  await assert.rejects(waiting, { code: 'publish_failed', retryAfterSeconds: 5 })
  assert.ok(never.sent.length > 1 && never.sent.length < 5)
})

test('rows wait for their turn, and stop where a day’s allowance is used up', async () => {
  const turn = new Problem('rate_limited', 'Too fast.', { retryAfterSeconds: 0.05 })
  const { collect, sent } = collecting(Array.from({ length: 5 }, () => turn))
  assert.equal((await deliver(EVENTS, to(collect, { patienceMs: 1, charge: () => undefined }))).length, 3)
  assert.deepEqual(
    sent.map(({ isCharged }) => isCharged),
    [true, true, true, true, true, true],
  )
  const over = collecting([new Problem('quota_exceeded', 'That was all for today.', { retryAfterSeconds: 3600 })])
  await assert.rejects(deliver(EVENTS, to(over.collect)), { code: 'quota_exceeded' })
  assert.equal(over.sent.length, 1)
})

test('who waits hears at once that the process stops', async () => {
  const stop = new AbortController()
  const { collect } = collecting([new Problem('rate_limited', 'Too fast.', { retryAfterSeconds: 600 })])
  const waiting = deliver(EVENTS, to(collect, { signal: stop.signal }))
  stop.abort(new Problem('draining', 'The server is stopping.'))
  await assert.rejects(waiting, { code: 'draining' })
})

test('a body that drips is given up, one that is read slowly is not', async () => {
  const drip = new PassThrough()
  const beat = setInterval(() => drip.write('x'), 20)
  const reading = incoming(drip, new AbortController().signal, 200)
  await assert
    .rejects(
      async () => {
        for await (const chunk of reading) assert.equal(chunk.length, 1)
      },
      { code: 'request_timeout' },
    )
    .finally(() => clearInterval(beat))
  assert.equal(drip.destroyed, false, 'an answer can still be sent')

  const whole = new PassThrough()
  whole.end('abc')
  let bytes = 0
  for await (const chunk of incoming(whole, new AbortController().signal, 200)) {
    await new Promise((resolve) => setTimeout(resolve, 300))
    bytes += chunk.length
  }
  assert.equal(bytes, 3)
})

test('a body that nobody goes on sending ends when the process stops', async () => {
  const stop = new AbortController()
  const body = new PassThrough()
  body.write('x')
  await assert.rejects(
    async () => {
      for await (const chunk of incoming(body, stop.signal)) {
        assert.equal(chunk.length, 1)
        setImmediate(() => stop.abort(new Problem('draining', 'The server is stopping.')))
      }
    },
    { code: 'draining' },
  )
})
