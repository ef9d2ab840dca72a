import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { openSource, restartOffset, sourceKey } from '../../src/ingest/sources.ts'

test('a partition restarts at the lowest offset that is still pending, else after the last consumed', () => {
  assert.equal(restartOffset(10, []), 10)
  assert.equal(restartOffset(10, [7, 3, 9]), 3)
  fc.assert(
    fc.property(fc.nat(), fc.array(fc.nat()), (position, pending) => {
      const restart = restartOffset(position, pending)
      assert.ok(restart <= position)
      for (const offset of pending) assert.ok(restart <= offset)
      assert.ok(restart === position || pending.includes(restart))
    }),
  )
})

test('a claimed partition begins where its last owner had settled everything', () => {
  const settled = new Map([['d', 9]])
  const source = openSource({
    topicId: 'x',
    topic: 't',
    partition: 2,
    tenantId: 'y',
    generation: 3,
    flushes: 0,
    nextOffset: 5,
    settled,
  })
  assert.equal(source.position, 5)
  assert.equal(sourceKey(source), 'x/2')
  source.marks.set('d', 20)
  assert.equal(settled.get('d'), 9, 'the claim itself is not changed')
})
