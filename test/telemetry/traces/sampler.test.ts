import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mintTraceparent, parseTraceparent } from '../../../src/event/index.ts'
import { NO_SAMPLING, openSampler } from '../../../src/telemetry/traces/sampler.ts'

const STRANGER = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const UNSAMPLED = STRANGER.replace(/1$/, '0')
let now = 0
const open = (perSecond: number, trusted: readonly string[] = ['pulse-canary']) =>
  openSampler({ perSecond, trusted, now: () => now })
const kept = (times: number, act: () => boolean): number => Array.from({ length: times }, act).filter(Boolean).length

test('so many a second are kept, whatever arrives; what was not used is not saved up', () => {
  const sampler = open(20)
  const ask = () => sampler.place(mintTraceparent(), 'acme', undefined).trace.sampled
  assert.equal(kept(1_000, ask), 20)
  now += 500
  assert.equal(kept(1_000, ask), 10)
  now += 60_000
  assert.equal(kept(1_000, ask), 20)
})

test('keeping changes the flag and nothing else: the ids that the request was given stay', () => {
  const own = mintTraceparent()
  const { trace } = open(1).place(own, 'acme', undefined)
  assert.deepEqual(trace, parseTraceparent(`00-${own.traceId}-${own.spanId}-01`))
})

test('a stranger’s traceparent is told as the caller’s, and decides nothing', () => {
  const sampler = open(0)
  for (const header of [STRANGER, UNSAMPLED]) {
    const own = mintTraceparent()
    const placed = sampler.place(own, 'acme', header)
    assert.equal(placed.trace, own)
    assert.equal(placed.trusted, undefined)
    assert.deepEqual(placed.caller, parseTraceparent(header))
  }
  const always = open(1_000)
  assert.equal(always.place(mintTraceparent(), 'acme', UNSAMPLED).trace.sampled, true)
  assert.equal(always.place(mintTraceparent(), undefined, STRANGER).trusted, undefined)
})

test('a trusted tenant is obeyed: its trace, its flag, whatever the rate is', () => {
  const sampler = open(0)
  const own = mintTraceparent()
  const placed = sampler.place(own, 'pulse-canary', STRANGER)
  assert.deepEqual(placed, {
    trace: parseTraceparent(`00-0af7651916cd43dd8448eb211c80319c-${own.spanId}-01`),
    caller: parseTraceparent(STRANGER),
    trusted: true,
  })
  assert.equal(open(1_000).place(own, 'pulse-canary', UNSAMPLED).trace.sampled, false)
})

test('a trusted tenant has a bound of its own, and takes nothing from the others', () => {
  const sampler = open(5)
  assert.equal(
    kept(1_000, () => sampler.place(mintTraceparent(), 'pulse-canary', STRANGER).trace.sampled),
    20,
  )
  assert.equal(
    kept(1_000, () => sampler.place(mintTraceparent(), 'acme', undefined).trace.sampled),
    5,
  )
})

test('what cannot be read as a traceparent is as if it had not been sent', () => {
  const sampler = open(0)
  const odd = [
    '',
    'x',
    STRANGER.toUpperCase(),
    `${STRANGER}-more`,
    `ff${STRANGER.slice(2)}`,
    `${STRANGER}, ${STRANGER}`,
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    `00-0af7651916cd43dd8448eb211c80319c-${'0'.repeat(16)}-01`,
    `01${STRANGER.slice(2)}-${'x'.repeat(16_000)}`,
  ]
  for (const header of odd) {
    const own = mintTraceparent()
    assert.deepEqual(sampler.place(own, 'pulse-canary', header), { trace: own, caller: undefined }, header.slice(0, 60))
  }
})

test('a request that has failed is kept after all, as many a second as there are others', () => {
  const sampler = open(3)
  kept(100, () => sampler.place(mintTraceparent(), 'acme', undefined).trace.sampled)
  const own = mintTraceparent()
  assert.deepEqual(sampler.afterFailure(own), { ...own, sampled: true, header: own.header.replace(/0$/, '1') })
  assert.equal(
    kept(100, () => sampler.afterFailure(mintTraceparent()).sampled),
    2,
  )
  const sampled = mintTraceparent(true)
  assert.equal(sampler.afterFailure(sampled), sampled)
})

test('with telemetry off nothing is kept, not the canary either', () => {
  const own = mintTraceparent()
  assert.deepEqual(NO_SAMPLING.place(own, 'pulse-canary', STRANGER), { trace: own })
  assert.equal(NO_SAMPLING.afterFailure(own), own)
})
