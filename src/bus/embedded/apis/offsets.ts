import { Buffer } from 'node:buffer'
import { decodeBatches } from '../../records/decode.ts'
import { CODE } from '../../wire/codes.ts'
import type { Engine } from '../engine.ts'
import type { Partition } from '../topics.ts'
import type { Answer, Call } from './call.ts'

const LATEST = -1
const EARLIEST = -2
const MAX_TIMESTAMP = -3
const EARLIEST_LOCAL = -4

interface Offset {
  readonly index: number
  readonly code: number
  readonly timestamp: number
  readonly offset: number
}

/** ListOffsets, versions 1 to 9. */
export async function listOffsets({ version, body, broker }: Call): Promise<Answer> {
  body.int32() // replica id
  if (version >= 2) body.int8() // isolation
  const topics = body.structs(() => ({
    name: body.string(),
    parts: body.structs(() => {
      const index = body.int32()
      if (version >= 4) body.int32()
      return { index, timestamp: body.int64() }
    }),
  }))
  const answers: { name: string; parts: Offset[] }[] = []
  for (const { name, parts } of topics) {
    const topic = broker.engine.topicByName(name)
    const found: Offset[] = []
    for (const { index, timestamp } of parts) {
      const partition = topic?.partitions[index]
      if (partition === undefined) {
        found.push({ index, code: CODE.unknownTopicOrPartition, timestamp: -1, offset: -1 })
      } else {
        found.push({ index, code: CODE.none, ...(await findOffset(broker.engine, partition, timestamp)) })
      }
    }
    answers.push({ name, parts: found })
  }
  return (out) => {
    if (version >= 2) out.int32(0)
    out.structs(answers, ({ name, parts }) => {
      out.string(name)
      out.structs(parts, (part) => {
        out.int32(part.index).int16(part.code).int64(part.timestamp).int64(part.offset)
        if (version >= 4) out.int32(part.code === CODE.none ? 0 : -1)
      })
    })
    out.tags()
  }
}

async function findOffset(
  engine: Engine,
  partition: Partition,
  timestamp: number,
): Promise<{ timestamp: number; offset: number }> {
  if (timestamp === LATEST) return { timestamp: -1, offset: partition.highWatermark }
  if (timestamp === EARLIEST || timestamp === EARLIEST_LOCAL) return { timestamp: -1, offset: partition.logStart }
  const { batches } = partition
  let at = -1
  if (timestamp === MAX_TIMESTAMP) {
    for (let index = 0; index < batches.length; index += 1) {
      if (at === -1 || batches.maxTimestamp(index) > batches.maxTimestamp(at)) at = index
    }
  } else if (timestamp >= 0) {
    for (at = 0; at < batches.length && batches.maxTimestamp(at) < timestamp;) at += 1
  }
  if (at < 0 || at >= batches.length) return { timestamp: -1, offset: -1 }
  const wanted = timestamp === MAX_TIMESTAMP ? batches.maxTimestamp(at) : timestamp
  const bytes = Buffer.concat(await engine.read({ pieces: [batches.entry(at)], bytes: 0 }))
  for (const record of decodeBatches(bytes, partition.logStart).records) {
    if (record.timestampMs >= wanted) return { timestamp: record.timestampMs, offset: record.offset }
  }
  return { timestamp: -1, offset: -1 }
}
