import type { Buffer } from 'node:buffer'
import type { Message } from './links.ts'
import { API } from './wire/codes.ts'

export interface ProducePart {
  readonly topic: string
  readonly partition: number
  readonly batch: Buffer
}

export interface ProduceVerdict {
  readonly code: number
  readonly detail: string | null
}

const ALL_IN_SYNC = -1

/** Produce with acks=all; answers the broker's verdicts in the order of `parts`. */
export function produceMessage(
  parts: readonly ProducePart[],
  timeoutMs: number,
): Message<readonly (ProduceVerdict | undefined)[]> {
  const topics = new Map<string, ProducePart[]>()
  for (const part of parts) {
    const known = topics.get(part.topic)
    if (known === undefined) topics.set(part.topic, [part])
    else known.push(part)
  }
  return {
    key: API.produce,
    least: 3,
    most: 11,
    flexibleFrom: 9,
    write(out) {
      out.string(null).int16(ALL_IN_SYNC).int32(timeoutMs)
      out.structs([...topics], ([topic, own]) => {
        out.string(topic).structs(own, (part) => out.int32(part.partition).pieces([part.batch]))
      })
      out.tags()
    },
    read(body, version) {
      const verdicts = new Map<string, ProduceVerdict>()
      body.partitions((topic, partition) => {
        const code = body.int16()
        body.int64()
        body.int64()
        if (version >= 5) body.int64()
        let detail: string | null = null
        if (version >= 8) {
          const faults = body.structs(() => (body.int32(), body.stringOrNull()))
          detail = body.stringOrNull() ?? faults.find((fault) => fault !== null) ?? null
        }
        verdicts.set(`${topic}/${partition}`, { code, detail })
      })
      return parts.map((part) => verdicts.get(`${part.topic}/${part.partition}`))
    },
  }
}
