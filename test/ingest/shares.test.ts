import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openFor, bufferLetter, settle, take } from '../../src/ingest/buffer.ts'
import type { DeadLetter } from '../../src/ingest/dead-letters.ts'
import { pendingOffsets } from '../../src/ingest/forget.ts'
import { laneOf, openBuffer } from '../../src/ingest/lane.ts'
import { gaveBack, openSources, readyToLeave } from '../../src/ingest/shares.ts'
import { restartOffset, sourceKey } from '../../src/ingest/sources.ts'
import { claimed } from '../kit/source.ts'

test('what a parked dataset holds of a partition that leaves is pending until the partition is given back, whatever others commit meanwhile', () => {
  const buffer = openBuffer(10)
  const sources = openSources()
  const source = claimed({ topicId: 'x' })
  sources.byKey.set(sourceKey(source), source)
  const [parked, other] = ['parked', 'other'].map((datasetId, index) => {
    const lane = laneOf(buffer, 't', { datasetId, tenantSlug: 't', datasetSlug: datasetId, datasetNumber: index + 1 })
    const letter = { offset: index, key: null, value: Buffer.alloc(10), error: '' } as unknown as DeadLetter
    bufferLetter(buffer, lane, openFor(buffer, lane, source, undefined, index, 0, 0), letter)
    return lane
  }) as [ReturnType<typeof laneOf>, ReturnType<typeof laneOf>]
  source.position = 2
  parked.parked = { fault: 'lake', failures: 1, sinceMs: 0, untilMs: 1e9, detail: '' } as never
  source.leaving = true
  const next = (): number => restartOffset(source.position, pendingOffsets(other.tenant, source))
  const ready = () => readyToLeave(sources, buffer, () => false)

  assert.deepEqual(ready(), [], 'another dataset has something to flush first')
  const taken = take(buffer, other, 10)
  assert.equal(next(), 0, 'its commit leaves the partition where the parked dataset needs it')
  settle(buffer, taken)
  assert.deepEqual(ready(), [source], 'the parked dataset is not waited for')
  assert.equal(next(), 0, 'giving back may fail: nothing is forgotten before')
  gaveBack(sources, buffer, [source], { worker: 'w', members: 1, nowMs: 0 })
  assert.equal(parked.records, 0)
  assert.equal(buffer.tally.released, 1)
})
