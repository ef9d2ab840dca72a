import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mintTraceparent, parseTraceparent } from '../../src/event/index.ts'
import { carry, contextsOf, isSampled, type Carried } from '../../src/ingest/contexts.ts'
import type { DeadLetter } from '../../src/ingest/dead-letters.ts'
import type { Draft } from '../../src/ingest/draft.ts'
import { openSegment } from '../../src/ingest/segment.ts'
import { claimed } from '../kit/source.ts'

const source = claimed({ partition: 3 })

test('sampled is what the flags of the header say, for every flag there is, and nothing else is', () => {
  const { traceId, spanId } = mintTraceparent()
  for (let flags = 0; flags < 256; flags += 1) {
    const header = `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, '0')}`
    assert.equal(isSampled(header), parseTraceparent(header)?.sampled, header)
  }
  const foreign = [`00-${'\0'.repeat(32)}-${spanId}-01`, `00-${traceId}-${'0'.repeat(16)}-01`, `${'x'.repeat(54)}z`]
  for (const odd of [
    ...foreign,
    '',
    '1',
    `00-${traceId}-${spanId}-1`,
    `00-${traceId}-${spanId}-01-more`,
    'x'.repeat(10_001),
  ])
    assert.equal(isSampled(odd), false, odd.slice(0, 80))
})

test('of a context its first record is remembered, and how many there were; beyond the bound records are counted', () => {
  const segment = { contexts: undefined as Map<string, Carried> | undefined, contextsLeftOut: 0 }
  carry(segment, 'a', 7, 1_000)
  carry(segment, 'a', 8, 2_000)
  assert.deepEqual(segment.contexts?.get('a'), { consumedAtMs: 1_000, firstOffset: 7, records: 2 })
  for (let n = 0; n < 4_000; n += 1) carry(segment, `c${n}`, n, n)
  assert.equal(segment.contexts?.size, 1_024)
  assert.equal(segment.contextsLeftOut, 4_000 - 1_023)
})

test('a context in several segments is told once; those with dead letters come first and displace the others', () => {
  const [one, two] = [openSegment(source, undefined, 0, 0), openSegment(source, undefined, 300, 0)]
  for (let n = 0; n < 1_024; n += 1) carry(one, `a${n}`, n, n)
  for (let n = 512; n < 1_536; n += 1) carry(two, `a${n}`, 2_000 + n, n)
  const letters = [
    { traceparent: 'a1500', reason: 'invalid' },
    { traceparent: 'a1500', reason: 'malformed' },
    { traceparent: 'unsampled', reason: 'invalid' },
  ] as DeadLetter[]
  const { contexts, leftOut } = contextsOf({ taken: { segments: [one, two] }, letters } as unknown as Draft)
  assert.equal(contexts.length, 1_024)
  assert.equal(leftOut, 1_536 - 1_024)
  const [first, second] = contexts
  assert.deepEqual([first?.traceparent, first?.deadLetters, first?.reason], ['a1500', 2, 'invalid'])
  assert.equal(second?.traceparent, 'a0')
  const shared = contexts.find(({ traceparent }) => traceparent === 'a600')
  assert.deepEqual([shared?.records, shared?.firstOffset, shared?.consumedAtMs, shared?.partition], [2, 600, 600, 3])
})
