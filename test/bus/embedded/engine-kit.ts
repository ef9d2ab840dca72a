import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import type { Appended } from '../../../src/bus/embedded/append.ts'
import { openEngine, type Engine, type EngineOptions } from '../../../src/bus/embedded/engine.ts'
import { tenantOfTopic } from '../../../src/bus/embedded/start.ts'
import type { Partition, Topic } from '../../../src/bus/embedded/topics.ts'
import { decodeBatches } from '../../../src/bus/records/decode.ts'
import { encodeBatch } from '../../../src/bus/records/encode.ts'
import { record } from '../contract.ts'
import type { MemoryFiles } from './memory-files.ts'

export const engineOn = (files: MemoryFiles, options: Partial<EngineOptions> = {}): Promise<Engine> =>
  openEngine({
    files,
    folder: 'memory',
    maxBytes: 1e9,
    segmentBytes: 1e6,
    recentBytes: 0,
    groupOf: tenantOfTopic,
    now: Date.now,
    onFault: () => undefined,
    ...options,
  })

/** One batch of records with these values. */
export const batchOf = (values: readonly string[], timestampMs = 1_700_000_000_000): Buffer =>
  encodeBatch(
    values.map((value) => record('t', value, { key: Buffer.from(value.slice(0, 8)) })),
    timestampMs,
  )

export const append = (
  engine: Engine,
  parts: readonly (readonly [Partition | undefined, Buffer])[],
): Promise<Appended[]> =>
  new Promise((resolve) =>
    engine.append(
      parts.map(([partition, batch]) => ({ partition, batch })),
      resolve,
    ),
  )

/** Appends one batch and answers its verdict. */
export async function put(engine: Engine, topic: Topic, values: readonly string[], index = 0): Promise<Appended> {
  const [verdict] = await append(engine, [[topic.partitions[index], batchOf(values)]])
  assert.ok(verdict !== undefined)
  return verdict
}

export async function makeTopic(
  engine: Engine,
  name: string,
  partitions = 1,
  configs: Record<string, string> = {},
): Promise<Topic> {
  const { code, topic } = await engine.createTopic(name, partitions, configs)
  assert.equal(code, 0)
  assert.ok(topic !== undefined)
  return topic
}

/** All values of a partition, read batch by batch from its start. */
export async function valuesOf(engine: Engine, name: string, index = 0): Promise<string[]> {
  const partition = engine.topicByName(name)?.partitions[index]
  if (partition === undefined) return []
  const bytes = Buffer.concat(await engine.read(engine.plan(partition, partition.logStart, 1e9, true)))
  const { records, fault } = decodeBatches(bytes, partition.logStart)
  assert.equal(fault, undefined)
  return records.map((each) => String(each.value))
}
