import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CODE } from '../../../src/bus/wire/codes.ts'
import { refuseForSpace } from '../../../src/bus/embedded/quota.ts'
import { emptyState } from '../../../src/bus/embedded/topics.ts'
import { engineOn, makeTopic, put } from './engine-kit.ts'
import { memoryFiles } from './memory-files.ts'

const NONE = { bytes: 0, group: 0 }

test('a group that is alone may fill the bus; one among several stops at its share in the last quarter', () => {
  const state = emptyState('c')
  state.liveByGroup.set('a', 790)
  state.liveBytes = 790
  assert.equal(refuseForSpace(state, 'a', 10, 1000, NONE), undefined)
  assert.match(refuseForSpace(state, 'a', 300, 1000, NONE) ?? '', /is full/)
  state.liveByGroup.set('b', 0)
  assert.match(refuseForSpace(state, 'a', 10, 1000, NONE) ?? '', /more than their share of 500 bytes/)
  assert.equal(refuseForSpace(state, 'b', 10, 1000, NONE), undefined)
  assert.match(refuseForSpace(state, 'b', 211, 1000, NONE) ?? '', /is full/)
})

test('a tenant that is not drained is refused with a storage error while its neighbours go on', async () => {
  const engine = await engineOn(memoryFiles(), { maxBytes: 100_000 })
  const hog = await makeTopic(engine, 'pulse.hog.events.raw')
  await makeTopic(engine, 'pulse.hog.events.dlq')
  const small = await makeTopic(engine, 'pulse.small.events.raw')
  let taken = 0
  for (;;) {
    const verdict = await put(engine, hog, ['x'.repeat(1000)])
    if (verdict.code !== CODE.none) {
      assert.equal(verdict.code, CODE.kafkaStorageError)
      assert.match(verdict.detail ?? '', /PULSE_BUS_MAX_BYTES/)
      break
    }
    taken += 1
    assert.ok(taken < 200, 'nothing was ever refused')
  }
  assert.ok(taken >= 60 && taken <= 75, `${taken}`)
  for (let index = 0; index < 15; index += 1) {
    assert.equal((await put(engine, small, ['y'.repeat(1000)])).code, CODE.none)
  }
  const partition = hog.partitions[0]
  assert.ok(partition !== undefined)
  await engine.deleteRecords([{ partition, beforeOffset: taken }])
  assert.equal((await put(engine, hog, ['x'.repeat(1000)])).code, CODE.none)
})
