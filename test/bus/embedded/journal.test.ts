import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CODE } from '../../../src/bus/wire/codes.ts'
import { append, batchOf, engineOn, makeTopic, put, valuesOf } from './engine-kit.ts'
import { memoryFiles } from './memory-files.ts'

const ACTIVE = '0000000001.journal'

test('a batch over 2,000 topics is one write and one sync, before any of its verdicts', async () => {
  const files = memoryFiles()
  const engine = await engineOn(files, { segmentBytes: 1e8 })
  const topics = await Promise.all(Array.from({ length: 2000 }, (_, index) => makeTopic(engine, `t${index}`)))
  files.did.length = 0
  const verdicts = await append(
    engine,
    topics.map((topic) => [topic.partitions[0], batchOf(['x'])] as const),
  )
  assert.deepEqual(files.did, [`write ${ACTIVE}`, `sync ${ACTIVE}`])
  assert.ok(verdicts.every((verdict) => verdict.code === CODE.none && verdict.baseOffset === 0))
})

test('requests that come during a sync share the next one', async () => {
  const files = memoryFiles()
  const engine = await engineOn(files)
  const topic = await makeTopic(engine, 't')
  files.did.length = 0
  const verdicts = await Promise.all(Array.from({ length: 50 }, (_, index) => put(engine, topic, [`${index}`])))
  assert.ok(files.did.filter((operation) => operation.startsWith('sync')).length <= 2, files.did.join())
  assert.deepEqual(
    verdicts.map((verdict) => verdict.baseOffset),
    Array.from({ length: 50 }, (_, index) => index),
  )
})

test('what was acknowledged survives a power cut, and only that can be read before', async () => {
  const files = memoryFiles()
  const engine = await engineOn(files)
  const topic = await makeTopic(engine, 't')
  for (let index = 0; index < 20; index += 1) {
    assert.equal((await put(engine, topic, [`v${index}`])).code, CODE.none)
    const cut = await engineOn(files.afterPowerCut())
    assert.deepEqual(
      await valuesOf(cut, 't'),
      Array.from({ length: index + 1 }, (_, each) => `v${each}`),
    )
  }
})

test('a new segment is named on the medium before anything is acknowledged in it', async () => {
  const files = memoryFiles()
  const engine = await engineOn(files, { segmentBytes: 2000 })
  const topic = await makeTopic(engine, 't')
  for (let index = 0; index < 30; index += 1) {
    assert.equal((await put(engine, topic, [`v${index} ${'x'.repeat(200)}`])).code, CODE.none)
    const cut = await engineOn(files.afterPowerCut())
    assert.equal((await valuesOf(cut, 't')).length, index + 1)
  }
  assert.ok(engine.journal.segments.size > 3)
})

test('a full disk is a storage error for that group alone; with room again the next one is taken', async () => {
  const files = memoryFiles()
  const faults: string[] = []
  const engine = await engineOn(files, { onFault: (fault) => faults.push(fault.message) })
  const topic = await makeTopic(engine, 't')
  await put(engine, topic, ['a'])
  files.failing = (operation) => operation.startsWith('write')
  const refused = await put(engine, topic, ['lost'])
  assert.equal(refused.code, CODE.kafkaStorageError)
  assert.match(refused.detail ?? '', /no space left/)
  assert.equal((await engine.createTopic('u', 1, {})).code, CODE.kafkaStorageError)
  assert.equal(engine.topicByName('u'), undefined)
  assert.equal(faults.length, 2)
  files.failing = undefined
  const taken = await put(engine, topic, ['b'])
  assert.deepEqual([taken.code, taken.baseOffset], [CODE.none, 1])
  assert.equal((await engine.createTopic('u', 1, {})).code, CODE.none)
  assert.deepEqual(await valuesOf(engine, 't'), ['a', 'b'])
  assert.deepEqual(await valuesOf(await engineOn(files.afterPowerCut()), 't'), ['a', 'b'])
})

test('a disk that is full when a segment must begin refuses, and leaves no half segment behind', async () => {
  const files = memoryFiles()
  const engine = await engineOn(files, { segmentBytes: 1000 })
  const topic = await makeTopic(engine, 't')
  await put(engine, topic, ['a'.repeat(600)])
  for (const step of ['create', 'write 0000000002', 'sync 0000000002', 'syncFolder']) {
    files.failing = (operation) => operation.startsWith(step)
    assert.equal((await put(engine, topic, ['b'.repeat(600)])).code, CODE.kafkaStorageError)
    assert.deepEqual([...files.files.keys()], [ACTIVE])
  }
  files.failing = undefined
  assert.equal((await put(engine, topic, ['c'])).code, CODE.none)
  assert.deepEqual(await valuesOf(await engineOn(files.afterPowerCut()), 't'), ['a'.repeat(600), 'c'])
})

test('after a failed sync nothing is acknowledged any more, though the disk says it is well again', async () => {
  const files = memoryFiles()
  const faults: string[] = []
  const engine = await engineOn(files, { onFault: (fault) => faults.push(fault.message) })
  const topic = await makeTopic(engine, 't')
  await put(engine, topic, ['a'])
  files.failing = (operation) => operation.startsWith('sync')
  assert.equal((await put(engine, topic, ['b'])).code, CODE.kafkaStorageError)
  files.failing = undefined
  const later = await put(engine, topic, ['c'])
  assert.equal(later.code, CODE.kafkaStorageError)
  assert.match(later.detail ?? '', /could not be synced/)
  assert.match(faults.join(), /Start the bus again/)
  assert.deepEqual(await valuesOf(engine, 't'), ['a'])
  const again = await engineOn(files.afterPowerCut())
  assert.deepEqual(await valuesOf(again, 't'), ['a'])
  assert.equal((await put(again, again.topicByName('t') as typeof topic, ['d'])).baseOffset, 1)
})

test('a write that fails and cannot be taken back ends the journal', async () => {
  const files = memoryFiles()
  const engine = await engineOn(files)
  const topic = await makeTopic(engine, 't')
  files.failing = (operation) => operation.startsWith('write') || operation.startsWith('truncate')
  assert.equal((await put(engine, topic, ['a'])).code, CODE.kafkaStorageError)
  files.failing = undefined
  assert.equal((await put(engine, topic, ['b'])).code, CODE.kafkaStorageError)
  assert.notEqual(engine.journal.failed, undefined)
})

test('a closed journal refuses what comes later, and has written what came before', async () => {
  const files = memoryFiles()
  const engine = await engineOn(files)
  const topic = await makeTopic(engine, 't')
  const before = put(engine, topic, ['a'])
  await engine.close()
  assert.equal((await before).code, CODE.none)
  assert.equal((await put(engine, topic, ['b'])).code, CODE.kafkaStorageError)
  assert.deepEqual(await valuesOf(await engineOn(files.afterPowerCut()), 't'), ['a'])
})
