import type { Message } from './links.ts'
import { API } from './wire/codes.ts'

interface TopicOutcome {
  readonly name: string
  readonly code: number
  readonly detail: string | null
}

interface NewTopic {
  readonly name: string
  readonly partitions: number
  readonly replication: number
  readonly configs: Readonly<Record<string, string>>
}

/** CreateTopics; replication -1: the broker's default. */
export function createTopicsMessage(topics: readonly NewTopic[], timeoutMs: number): Message<TopicOutcome[]> {
  return {
    key: API.createTopics,
    least: 4,
    most: 7,
    flexibleFrom: 5,
    write(out) {
      out.structs(topics, (topic) => {
        out.string(topic.name).int32(topic.partitions).int16(topic.replication)
        out.structs([], () => undefined)
        out.structs(Object.entries(topic.configs), ([key, value]) => out.string(key).string(value))
      })
      out.int32(timeoutMs).bool(false).tags()
    },
    read(body, version) {
      body.int32()
      return body.structs(() => {
        const name = body.string()
        if (version >= 7) body.uuid()
        const code = body.int16()
        const detail = body.stringOrNull()
        if (version >= 5) {
          body.int32()
          body.int16()
          body.structs(() => {
            body.string()
            body.stringOrNull()
            body.bool()
            body.int8()
            body.bool()
          })
        }
        return { name, code, detail }
      })
    },
  }
}

/** DeleteTopics by name. */
export function deleteTopicsMessage(names: readonly string[], timeoutMs: number): Message<TopicOutcome[]> {
  return {
    key: API.deleteTopics,
    least: 1,
    most: 5,
    flexibleFrom: 4,
    write(out) {
      out.values(names, (name) => out.string(name))
      out.int32(timeoutMs).tags()
    },
    read(body, version) {
      body.int32()
      return body.structs(() => {
        const name = body.string()
        const code = body.int16()
        return { name, code, detail: version >= 5 ? body.stringOrNull() : null }
      })
    },
  }
}

export interface PartitionOf {
  readonly topic: string
  readonly partition: number
}
export interface PartitionOutcome extends PartitionOf {
  readonly code: number
  readonly offset: number
}

function grouped<T extends PartitionOf>(items: readonly T[]): [string, T[]][] {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const group = groups.get(item.topic)
    if (group === undefined) groups.set(item.topic, [item])
    else group.push(item)
  }
  return [...groups]
}

/** ListOffsets; `timestamp` -2 for the earliest, -1 for the end. */
export function listOffsetsMessage(of: readonly PartitionOf[], timestamp: number): Message<PartitionOutcome[]> {
  return {
    key: API.listOffsets,
    least: 2,
    most: 7,
    flexibleFrom: 6,
    write(out, version) {
      out.int32(-1).int8(0)
      out.structs(grouped(of), ([topic, parts]) => {
        out.string(topic)
        out.structs(parts, (part) => {
          out.int32(part.partition)
          if (version >= 4) out.int32(-1)
          out.int64(timestamp)
        })
      })
      out.tags()
    },
    read(body, version) {
      body.int32()
      return body.partitions((topic, partition) => {
        const code = body.int16()
        body.int64()
        const offset = body.int64()
        if (version >= 4) body.int32()
        return { topic, partition, code, offset }
      })
    },
  }
}

/** DeleteRecords; answers the logs' new starts. */
export function deleteRecordsMessage(
  of: readonly (PartitionOf & { readonly beforeOffset: number })[],
  timeoutMs: number,
): Message<PartitionOutcome[]> {
  return {
    key: API.deleteRecords,
    least: 0,
    most: 2,
    flexibleFrom: 2,
    write(out) {
      out.structs(grouped(of), ([topic, parts]) => {
        out.string(topic).structs(parts, (part) => out.int32(part.partition).int64(part.beforeOffset))
      })
      out.int32(timeoutMs).tags()
    },
    read(body) {
      body.int32()
      return body.partitions((topic, partition) => {
        const offset = body.int64()
        return { topic, partition, offset, code: body.int16() }
      })
    },
  }
}
