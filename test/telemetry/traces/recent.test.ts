import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openRecent } from '../../../src/telemetry/traces/recent.ts'
import type { FinishedSpan } from '../../../src/telemetry/traces/span.ts'
import { chance } from '../../kit/seed.ts'

const span = (traceId: string, n: number, links = 0): FinishedSpan => ({
  traceId,
  spanId: String(n),
  name: 'append',
  kind: 'internal',
  startedAtMs: n,
  endedAtMs: n,
  attributes: {},
  links: Array.from({ length: links }, () => ({ traceId: 'x', spanId: 'y' })),
})

const ids = (spans: readonly FinishedSpan[]): string[] => spans.map(({ spanId }) => spanId)

test('the last spans are found by their trace, in the order that they were finished; older ones are gone', () => {
  const recent = openRecent(3)
  for (const [n, trace] of ['a', 'b', 'a', 'a'].entries()) recent.keep(span(trace, n))
  assert.deepEqual(ids(recent.of('a')), ['2', '3'])
  assert.deepEqual(ids(recent.of('b')), ['1'])
  assert.deepEqual(recent.of('c'), [])
})

test('links weigh: eight are as much as a span', () => {
  const recent = openRecent(10)
  recent.keep(span('a', 1))
  recent.keep(span('b', 2, 128))
  assert.deepEqual(
    [ids(recent.of('a')), ids(recent.of('b'))],
    [[], []],
    'one that is heavier than all room is not kept',
  )
  recent.keep(span('c', 3, 64))
  recent.keep(span('d', 4))
  recent.keep(span('e', 5))
  assert.deepEqual([recent.of('c').length, recent.of('d').length, recent.of('e').length], [0, 1, 1])
})

test('whatever is kept, it is the newest of it, and no more than there is room for', (t) => {
  const luck = chance()
  t.diagnostic(`seed ${luck.seed}`)
  const most = luck.between(1, 40)
  const recent = openRecent(most)
  const all: FinishedSpan[] = []
  for (let n = 0; n < 2_000; n += 1) {
    const made = span(`t${luck.between(0, 9)}`, n, luck.between(0, 1) * luck.between(0, 30))
    all.push(made)
    recent.keep(made)
    const newest: FinishedSpan[] = []
    let weight = 0
    for (const one of all.toReversed()) {
      weight += 1 + Math.floor((one.links?.length ?? 0) / 8)
      if (weight > most) break
      newest.unshift(one)
    }
    const trace = `t${luck.between(0, 9)}`
    assert.deepEqual(ids(recent.of(trace)), ids(newest.filter(({ traceId }) => traceId === trace)))
  }
})
