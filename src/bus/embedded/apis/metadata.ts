import { CODE } from '../../wire/codes.ts'
import type { WireWriter } from '../../wire/writer.ts'
import type { Topic } from '../topics.ts'
import { NODE_ID, type Answer, type Call } from './call.ts'

const NIL = '00000000-0000-0000-0000-000000000000'
const NO_AUTHORIZED_OPERATIONS = -0x8000_0000

interface Found {
  readonly code: number
  readonly name: string | null
  readonly id: string
  readonly topic: Topic | undefined
}

/** Metadata, versions 0 to 12: topics by name, by id (from 10), or all; this broker leads every partition. */
export function metadata({ version, body, broker }: Call): Answer {
  const { engine } = broker
  const asked = body.structsOrNull(() => ({
    id: version >= 10 ? body.uuid() : NIL,
    name: body.stringOrNull(),
  }))
  // Version 0 has no null: there, an empty list means all.
  const all = asked === null || (version === 0 && asked.length === 0)
  const found: Found[] = all
    ? [...engine.state.topics.values()].filter((topic) => topic.durable).map(known)
    : asked.map(({ id, name }) => {
        const topic = name !== null ? engine.topicByName(name) : engine.topicById(id)
        if (topic !== undefined) return known(topic)
        const code = name !== null ? CODE.unknownTopicOrPartition : CODE.unknownTopicId
        return { code, name, id, topic: undefined }
      })
  return (out) => {
    if (version >= 3) out.int32(0)
    out.structs([broker], () => {
      out.int32(NODE_ID).string(broker.host).int32(broker.port)
      if (version >= 1) out.string(null)
    })
    if (version >= 2) out.string(engine.state.clusterId)
    if (version >= 1) out.int32(NODE_ID)
    out.structs(found, (each) => writeTopic(out, version, each))
    if (version >= 8 && version <= 10) out.int32(NO_AUTHORIZED_OPERATIONS)
    out.tags()
  }
}

const known = (topic: Topic): Found => ({ code: CODE.none, name: topic.name, id: topic.id, topic })

function writeTopic(out: WireWriter, version: number, { code, name, id, topic }: Found): void {
  out.int16(code).string(version >= 12 ? name : (name ?? ''))
  if (version >= 10) out.uuid(id)
  if (version >= 1) out.bool(false)
  out.structs(topic?.partitions ?? [], (partition) => {
    out.int16(CODE.none).int32(partition.index).int32(NODE_ID)
    if (version >= 7) out.int32(0)
    const replicas = [NODE_ID]
    out.values(replicas, (node) => out.int32(node)).values(replicas, (node) => out.int32(node))
    if (version >= 5) out.values([], () => undefined)
  })
  if (version >= 8) out.int32(NO_AUTHORIZED_OPERATIONS)
}
