import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { crc32c } from '@platformatic/kafka'
import fc from 'fast-check'
import { CODE } from '../../../src/bus/wire/codes.ts'
import type { Engine } from '../../../src/bus/embedded/engine.ts'
import { batchOf, append, engineOn, makeTopic, put, valuesOf } from './engine-kit.ts'
import { memoryFiles, type MemoryFiles } from './memory-files.ts'
import { anySeed } from '../../kit/seed.ts'

const SEED = anySeed()
const RUNS = Number(process.env['TEST_RUNS'] ?? 150)

/** A journal with several segments, and what each byte length of its last segment was worth. */
async function history(): Promise<{ files: MemoryFiles; last: string; worth: { bytes: number; values: string[] }[] }> {
  const files = memoryFiles()
  const engine = await engineOn(files, { segmentBytes: 3000 })
  const topic = await makeTopic(engine, 't', 2)
  const values: string[] = []
  let worth: { bytes: number; values: string[] }[] = []
  let last = ''
  for (let index = 0; index < 25; index += 1) {
    values.push(`${index} ${'v'.repeat(index * 11)}`)
    assert.equal((await put(engine, topic, [values.at(-1) as string])).code, CODE.none)
    const { no } = engine.journal.active
    const name = `${String(no).padStart(10, '0')}.journal`
    if (name !== last) worth = []
    last = name
    worth.push({ bytes: files.files.get(name)?.durable.length ?? 0, values: [...values] })
  }
  return { files, last, worth }
}

test('a journal cut at any byte of its end holds exactly what was acknowledged up to there', async () => {
  const { files, last, worth } = await history()
  const whole = files.files.get(last)?.bytes as Buffer
  const earlier = (worth[0]?.values.length ?? 0) - 1
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: whole.length }), async (length) => {
      const cut = files.copy()
      ;(cut.files.get(last) as { bytes: Buffer }).bytes = Buffer.from(whole.subarray(0, length))
      const expected = worth.findLast(({ bytes }) => bytes <= length)?.values.length ?? earlier
      const engine = await engineOn(cut, { segmentBytes: 3000 })
      const found = await valuesOf(engine, 't')
      assert.equal(found.length, expected)
      assert.deepEqual(found, worth.at(-1)?.values.slice(0, expected))
      // It goes on from there, and that is durable, too.
      const topic = engine.topicByName('t')
      assert.ok(topic !== undefined)
      assert.equal((await put(engine, topic, ['next'])).baseOffset, expected)
      assert.deepEqual((await valuesOf(await engineOn(cut.afterPowerCut()), 't')).at(-1), 'next')
    }),
    { seed: SEED, numRuns: RUNS },
  )
})

test('one flipped bit anywhere is either refused with a sentence, or was in the last group and is cut', async () => {
  const { files, last, worth } = await history()
  const names = [...files.files.keys()].sort()
  await fc.assert(
    fc.asyncProperty(fc.nat(names.length - 1), fc.nat(), fc.nat(7), async (which, at, bit) => {
      const name = names[which] as string
      const damaged = files.copy()
      const { bytes } = damaged.files.get(name) as { bytes: Buffer }
      const place = at % bytes.length
      bytes[place] = (bytes[place] as number) ^ (1 << bit)
      const inLastGroup = name === last && place >= (worth.at(-2)?.bytes ?? 0)
      let engine: Engine | undefined
      try {
        engine = await engineOn(damaged)
      } catch (error) {
        assert.equal((error as Error).name, 'JournalRefused')
        assert.match((error as Error).message, /damaged: .* Restore the folder from a copy/)
        assert.ok(!inLastGroup, `byte ${place} of ${name}`)
        return
      }
      assert.ok(inLastGroup, `byte ${place} of ${name} was not noticed`)
      assert.deepEqual(await valuesOf(engine, 't'), worth.at(-2)?.values)
    }),
    { seed: SEED, numRuns: RUNS },
  )
})

test('a closed segment that was emptied or cut at the end of a group is noticed', async () => {
  const { files } = await history()
  const names = [...files.files.keys()].sort()
  const second = names[1] as string
  for (const keep of [0, 0.5]) {
    const damaged = files.copy()
    const file = damaged.files.get(second) as { bytes: Buffer }
    const groups = [...file.bytes.toString('latin1').matchAll(/PLSGROUP/g)].map((found) => found.index)
    file.bytes = Buffer.from(file.bytes.subarray(0, groups[Math.floor(groups.length * keep)]))
    await assert.rejects(engineOn(damaged), { name: 'JournalRefused', message: /damaged/ })
  }
})

test('topic ids, offsets, log starts, settings, partitions and deletions survive restarts and rotation', async () => {
  const files = memoryFiles()
  let engine = await engineOn(files, { segmentBytes: 2000 })
  const kept = await makeTopic(engine, 'kept', 2, { 'retention.ms': '5000' })
  const gone = await makeTopic(engine, 'gone')
  await put(engine, gone, ['x'])
  await engine.addPartitions(kept, 3)
  for (let index = 0; index < 40; index += 1) await put(engine, kept, [`${index} ${'y'.repeat(100)}`], index % 3)
  await engine.deleteTopic(gone)
  const partition = kept.partitions[1]
  assert.ok(partition !== undefined)
  await engine.deleteRecords([{ partition, beforeOffset: 5 }])
  const { clusterId } = engine.state
  const before = await Promise.all([0, 1, 2].map((index) => valuesOf(engine, 'kept', index)))
  for (let restart = 0; restart < 3; restart += 1) {
    engine = await engineOn(files.afterPowerCut(), { segmentBytes: 2000 })
    const topic = engine.topicByName('kept')
    assert.equal(topic?.id, kept.id)
    assert.deepEqual(topic?.configs, { 'retention.ms': '5000' })
    assert.equal(topic?.partitions[1]?.logStart, 5)
    assert.deepEqual(await Promise.all([0, 1, 2].map((index) => valuesOf(engine, 'kept', index))), before)
    assert.equal(engine.topicByName('gone'), undefined)
    assert.equal(engine.state.clusterId, clusterId)
  }
})

test('a producer that sends a batch again after a restart is answered with its first offset', async () => {
  const files = memoryFiles()
  let engine = await engineOn(files, { segmentBytes: 1500 })
  const topic = await makeTopic(engine, 't')
  const { producerId } = await engine.nextProducerId()
  const batch = (sequence: number): Buffer =>
    idempotent(batchOf([`s${sequence} ${'z'.repeat(200)}`]), producerId, sequence)
  for (let sequence = 0; sequence < 12; sequence += 1) {
    assert.equal((await append(engine, [[topic.partitions[0], batch(sequence)]]))[0]?.baseOffset, sequence)
  }
  engine = await engineOn(files.afterPowerCut(), { segmentBytes: 1500 })
  const partition = engine.topicByName('t')?.partitions[0]
  const [again] = await append(engine, [[partition, batch(11)]])
  assert.deepEqual([again?.code, again?.baseOffset], [CODE.none, 11])
  const [gap] = await append(engine, [[partition, batch(14)]])
  assert.equal(gap?.code, CODE.outOfOrderSequenceNumber)
  const [next] = await append(engine, [[partition, batch(12)]])
  assert.deepEqual([next?.code, next?.baseOffset], [CODE.none, 12])
  const other = await engine.nextProducerId()
  assert.ok(other.producerId > producerId)
  assert.equal((await valuesOf(engine, 't')).length, 13)
})

test('a journal of a newer format is refused with a sentence', async () => {
  const { encodeGroup } = await import('../../../src/bus/embedded/journal.ts')
  const body = Buffer.from(JSON.stringify({ format: 99, clusterId: 'x', topics: [] }))
  const entry = {
    kind: 3 as const,
    bodyBytes: body.length,
    write: (into: Buffer, at: number) => void body.copy(into, at),
    landed: () => undefined,
    lost: () => undefined,
  }
  const files = memoryFiles(new Map([['0000000001.journal', encodeGroup([entry], 1, 0).bytes]]))
  await assert.rejects(engineOn(files), { name: 'JournalRefused', message: /format 99.*newer/s })
})

/** The same batch as an idempotent producer would send it. */
function idempotent(batch: Buffer, producerId: number, sequence: number): Buffer {
  const bytes = Buffer.from(batch)
  bytes.writeBigInt64BE(BigInt(producerId), 43)
  bytes.writeInt16BE(0, 51)
  bytes.writeInt32BE(sequence, 53)
  bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17)
  return bytes
}
