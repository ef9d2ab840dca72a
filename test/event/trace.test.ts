import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mintTraceparent, parseTraceparent } from '../../src/event/index.ts'

const HEADER = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

test('what is minted can be parsed, and says whether it is sampled', () => {
  for (const sampled of [true, false]) {
    const minted = mintTraceparent(sampled)
    assert.deepEqual(parseTraceparent(minted.header), minted)
    assert.equal(minted.sampled, sampled)
  }
  assert.notEqual(mintTraceparent().traceId, mintTraceparent().traceId)
})

test('a position in a known trace keeps the trace and has a span of its own', () => {
  const trace = mintTraceparent()
  const next = mintTraceparent(true, trace.traceId)
  assert.equal(next.traceId, trace.traceId)
  assert.notEqual(next.spanId, trace.spanId)
})

test('a header is read as the specification says', () => {
  assert.deepEqual(parseTraceparent(HEADER), {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    sampled: true,
    header: HEADER,
  })
  assert.equal(parseTraceparent(`01${HEADER.slice(2)}-more`)?.sampled, true, 'a later version may have more')
  assert.equal(parseTraceparent(`${HEADER.slice(0, -2)}fe`)?.sampled, false, 'only the lowest bit says sampled')
})

test('what is not usable is no trace', () => {
  const zeros = `00-${'0'.repeat(32)}-b7ad6b7169203331-01`
  const noSpan = `00-0af7651916cd43dd8448eb211c80319c-${'0'.repeat(16)}-01`
  for (const bad of [
    undefined,
    '',
    zeros,
    noSpan,
    HEADER.toUpperCase(),
    `ff${HEADER.slice(2)}`,
    `${HEADER}-more`,
    HEADER.slice(1),
    'x'.repeat(10_000),
  ]) {
    assert.equal(parseTraceparent(bad), undefined, String(bad).slice(0, 60))
  }
})
