import { CODE } from '../../wire/codes.ts'
import type { Partition } from '../topics.ts'
import type { Answer, Call } from './call.ts'

interface Part {
  readonly index: number
  readonly partition: Partition | undefined
  /** -1 in the request: all that can be read. */
  readonly beforeOffset: number
  code: number
}

/** DeleteRecords, versions 0 to 2. An offset below the log's start is already done. */
export async function deleteRecords({ body, broker }: Call): Promise<Answer> {
  const topics = body.structs(() => {
    const name = body.string()
    const topic = broker.engine.topicByName(name)
    const parts = body.structs((): Part => {
      const index = body.int32()
      const offset = body.int64()
      const partition = topic?.partitions[index]
      const highWatermark = partition?.highWatermark ?? 0
      const beyond = offset > highWatermark || offset < -1
      const code = partition === undefined ? CODE.unknownTopicOrPartition : beyond ? CODE.offsetOutOfRange : CODE.none
      return { index, partition, beforeOffset: offset === -1 ? highWatermark : offset, code }
    })
    return { name, parts }
  })
  body.int32() // timeout
  const sound = topics.flatMap(({ parts }) => parts).filter((part) => part.code === CODE.none)
  const outcome = await broker.engine.deleteRecords(
    sound.map(({ partition, beforeOffset }) => ({ partition: partition as Partition, beforeOffset })),
  )
  for (const part of sound) part.code = outcome.code
  return (out) => {
    out.int32(0)
    out.structs(topics, ({ name, parts }) => {
      out.string(name)
      out.structs(parts, (part) => {
        const logStart = part.code === CODE.none ? (part.partition as Partition).logStart : -1
        out.int32(part.index).int64(logStart).int16(part.code)
      })
    })
    out.tags()
  }
}
