import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Engine } from '../../../src/bus/embedded/engine.ts'
import type { Topic } from '../../../src/bus/embedded/topics.ts'
import { engineOn, makeTopic, put, valuesOf } from './engine-kit.ts'
import { memoryFiles } from './memory-files.ts'
import { anySeed } from '../../kit/seed.ts'

const SEED = anySeed()
const RUNS = Number(process.env['TEST_RUNS'] ?? 40)
const text = (index: number): string => `${index} ${'x'.repeat(300)}`

const deleteBefore = (engine: Engine, topic: Topic, beforeOffset: number): Promise<unknown> =>
  engine.deleteRecords([{ partition: topic.partitions[0] as Topic['partitions'][number], beforeOffset }])

test('segments whose records were all deleted are removed, and nothing else is', async () => {
  const files = memoryFiles()
  const engine = await engineOn(files, { segmentBytes: 4000 })
  const topic = await makeTopic(engine, 't')
  for (let index = 0; index < 60; index += 1) await put(engine, topic, [text(index)])
  const before = engine.journal.segments.size
  await engine.reclaimer.run()
  assert.equal(engine.journal.segments.size, before)
  await deleteBefore(engine, topic, 50)
  await engine.reclaimer.run()
  assert.ok(engine.journal.segments.size <= 3, `${engine.journal.segments.size} of ${before} segments`)
  assert.equal(files.files.size, engine.journal.segments.size)
  const rest = Array.from({ length: 10 }, (_, index) => text(50 + index))
  assert.deepEqual(await valuesOf(engine, 't'), rest)
  const again = await engineOn(files.afterPowerCut())
  assert.deepEqual(await valuesOf(again, 't'), rest)
  assert.equal(again.topicByName('t')?.partitions[0]?.logStart, 50)
  assert.equal((await put(again, again.topicByName('t') as Topic, ['n'])).baseOffset, 60)
})

test('one idle partition does not keep the segments of a busy one', async () => {
  const files = memoryFiles()
  const engine = await engineOn(files, { segmentBytes: 8000 })
  const [idle, busy] = [await makeTopic(engine, 'idle'), await makeTopic(engine, 'busy')]
  for (let index = 0; index < 400; index += 1) {
    if (index % 50 === 0) await put(engine, idle, [`i${index}`])
    await put(engine, busy, [text(index)])
    if (index % 40 === 39) {
      await deleteBefore(engine, busy, index)
      await engine.reclaimer.run()
    }
  }
  const kept = Array.from({ length: 8 }, (_, index) => `i${index * 50}`)
  assert.deepEqual(await valuesOf(engine, 'idle'), kept)
  assert.ok(engine.journal.diskBytes < 8000 * 4, `${engine.journal.diskBytes} bytes`)
  const again = await engineOn(files.afterPowerCut(), { segmentBytes: 8000 })
  assert.deepEqual(await valuesOf(again, 'idle'), kept)
  assert.deepEqual(await valuesOf(again, 'busy'), [text(399)])
})

test('topics that were deleted give their space back', async () => {
  const files = memoryFiles()
  const engine = await engineOn(files, { segmentBytes: 4000 })
  for (let round = 0; round < 10; round += 1) {
    const topic = await makeTopic(engine, 'again')
    for (let index = 0; index < 20; index += 1) await put(engine, topic, [text(index)])
    await engine.deleteTopic(topic)
    await engine.reclaimer.run()
  }
  assert.ok(engine.journal.segments.size <= 2)
  assert.equal(engine.state.liveBytes, 0)
})

test('any history of appends, deletions, reclaims, restarts and power cuts keeps every log as it should be', async () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('put' as const),
        topic: fc.nat(2),
        size: fc.integer({ min: 1, max: 900 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('delete' as const),
        topic: fc.nat(2),
        share: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('drop' as const), topic: fc.nat(2) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('reclaim' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('restart' as const, 'powerCut' as const) }) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 80 }), async (steps) => {
      let files = memoryFiles()
      let engine = await engineOn(files, { segmentBytes: 3000 })
      const model = [0, 1, 2].map(() => ({ start: 0, values: [] as string[] }))
      for (const name of ['0', '1', '2']) await makeTopic(engine, name)
      for (const [index, each] of steps.entries()) {
        const log = 'topic' in each ? model[each.topic] : undefined
        const topic = 'topic' in each ? engine.topicByName(`${each.topic}`) : undefined
        if (each.kind === 'put' && log !== undefined && topic !== undefined) {
          const value = `${index} ${'v'.repeat(each.size)}`
          assert.equal((await put(engine, topic, [value])).baseOffset, log.start + log.values.length)
          log.values.push(value)
        } else if (each.kind === 'delete' && log !== undefined && topic !== undefined) {
          const count = Math.floor(each.share * log.values.length)
          log.start += count
          log.values.splice(0, count)
          await deleteBefore(engine, topic, log.start)
        } else if (each.kind === 'drop' && log !== undefined && topic !== undefined) {
          await engine.deleteTopic(topic)
          await makeTopic(engine, topic.name)
          log.start = 0
          log.values = []
        } else if (each.kind === 'reclaim') {
          await engine.reclaimer.run()
        } else if (each.kind === 'restart' || each.kind === 'powerCut') {
          if (each.kind === 'restart') await engine.close()
          files = each.kind === 'restart' ? files.copy() : files.afterPowerCut()
          engine = await engineOn(files, { segmentBytes: 3000 })
        }
        let live = 0
        for (const bytes of engine.state.liveBySegment.values()) live += bytes
        assert.equal(live, engine.state.liveBytes)
      }
      for (const [index, { start, values }] of model.entries()) {
        assert.deepEqual(await valuesOf(engine, `${index}`), values)
        assert.equal(engine.topicByName(`${index}`)?.partitions[0]?.logStart, start)
      }
      await engine.reclaimer.run()
      assert.ok(engine.journal.diskBytes <= engine.state.liveBytes * 1.5 + 4 * 3000 + 4000, 'space is given back')
    }),
    { seed: SEED, numRuns: RUNS },
  )
})
