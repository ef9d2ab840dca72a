import type { Buffer } from 'node:buffer'
import type { Message } from './links.ts'
import type { AbortedTransaction } from './records/decode.ts'
import { API } from './wire/codes.ts'

export interface FetchWant {
  readonly topicId: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly epoch?: number | undefined
  readonly maxBytes: number
}

interface FetchRequest {
  readonly maxWaitMs: number
  readonly maxBytes: number
  readonly sessionId: number
  readonly epoch: number
  /** New or changed since the last request of the session; grouped by topic by the caller's order. */
  readonly wants: readonly FetchWant[]
  readonly forgotten: readonly { readonly topicId: string; readonly topic: string; readonly partition: number }[]
}

export interface FetchedPart {
  /** Topic id from version 13 on, else its name. */
  readonly topic: string
  readonly partition: number
  readonly code: number
  readonly highWatermark: number
  readonly logStart: number
  readonly aborted: readonly AbortedTransaction[]
  readonly bytes: Buffer | null
  /** Where the log stops being what the asked epoch says it was (KIP-595, tag 0); undefined where it does not. */
  divergesAt?: number
}

export interface FetchResponse {
  readonly code: number
  readonly sessionId: number
  readonly parts: readonly FetchedPart[]
}

const DIVERGING_EPOCH = 0
const READ_COMMITTED = 1
/** From here on topics are named by id; before, by name. */
export const BY_ID_FROM = 13

/** Fetch without a group; versions before 13 name topics, so that an older broker serves, too. */
export function fetchMessage(request: FetchRequest): Message<FetchResponse> {
  return {
    key: API.fetch,
    least: 7,
    most: 17,
    flexibleFrom: 12,
    write(out, version) {
      const name = (each: { topicId: string; topic: string }): void =>
        void (version >= BY_ID_FROM ? out.uuid(each.topicId) : out.string(each.topic))
      if (version <= 14) out.int32(-1)
      out.int32(request.maxWaitMs).int32(1).int32(request.maxBytes).int8(READ_COMMITTED)
      out.int32(request.sessionId).int32(request.epoch)
      out.structs(byTopic(request.wants), (wants) => {
        name(wants[0] as FetchWant)
        out.structs(wants, (want) => {
          out.int32(want.partition)
          if (version >= 9) out.int32(-1) // leader epoch: not known, not checked
          out.int64(want.offset)
          if (version >= 12) out.int32(want.epoch ?? -1)
          out.int64(-1).int32(want.maxBytes)
        })
      })
      out.structs(byTopic(request.forgotten), (forgotten) => {
        name(forgotten[0] as FetchWant)
        out.values(forgotten, (each) => out.int32(each.partition))
      })
      if (version >= 11) out.string('')
      out.tags()
    },
    read(body, version) {
      body.int32()
      const code = body.int16()
      const sessionId = body.int32()
      const parts: FetchedPart[] = []
      body.structs(() => {
        const topic = version >= BY_ID_FROM ? body.uuid() : body.string()
        body.structs(
          () => {
            const partition = body.int32()
            const partCode = body.int16()
            const highWatermark = body.int64()
            body.int64()
            const logStart = body.int64()
            const aborted = body.structs(() => ({ producerId: body.int64(), firstOffset: body.int64() }))
            if (version >= 11) body.int32()
            const bytes = body.bytesOrNull()
            const part: FetchedPart = { topic, partition, code: partCode, highWatermark, logStart, aborted, bytes }
            parts.push(part)
            return part
          },
          (tag, part) => {
            if (tag !== DIVERGING_EPOCH) return
            body.int32()
            part.divergesAt = body.int64()
          },
        )
      })
      return { code, sessionId, parts }
    },
  }
}

function byTopic<T extends { readonly topicId: string }>(items: readonly T[]): T[][] {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const group = groups.get(item.topicId)
    if (group === undefined) groups.set(item.topicId, [item])
    else group.push(item)
  }
  return [...groups.values()]
}
