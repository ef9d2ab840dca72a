import type { Buffer } from 'node:buffer'
import { CODE } from '../../wire/codes.ts'
import type { Append, Appended } from '../append.ts'
import type { Answer, Call } from './call.ts'

interface Part {
  readonly index: number
  readonly batch: Buffer | null
}

/** Produce, versions 3 to 11: one verdict per partition, after the sync. */
export function produce({ version, body, broker }: Call): Promise<Answer> {
  const transactionalId = body.stringOrNull()
  const acks = body.int16()
  body.int32() // the client's timeout: a sync is not waited for any longer than it takes
  const topics = body.structs(() => ({
    name: body.string(),
    parts: body.structs((): Part => ({ index: body.int32(), batch: body.bytesOrNull() })),
  }))
  const code =
    transactionalId !== null
      ? CODE.transactionalIdAuthorizationFailed
      : acks !== 0 && acks !== 1 && acks !== -1
        ? CODE.invalidRequiredAcks
        : CODE.none
  const { promise, resolve } = Promise.withResolvers<Answer>()
  const answer = (verdicts: readonly Appended[]): void => {
    resolve(acks === 0 ? null : respond(version, topics, verdicts))
  }
  if (code !== CODE.none) {
    const verdict = { code, baseOffset: -1, logStart: -1, detail: null }
    answer(topics.flatMap((topic) => topic.parts.map(() => verdict)))
    return promise
  }
  const appends: Append[] = []
  for (const topic of topics) {
    const known = broker.engine.topicByName(topic.name)
    for (const part of topic.parts) appends.push({ partition: known?.partitions[part.index], batch: part.batch })
  }
  broker.engine.append(appends, answer)
  return promise
}

function respond(
  version: number,
  topics: readonly { readonly name: string; readonly parts: readonly Part[] }[],
  verdicts: readonly Appended[],
): Answer {
  return (out) => {
    let next = 0
    out.structs(topics, (topic) => {
      out.string(topic.name)
      out.structs(topic.parts, (part) => {
        const verdict = verdicts[next] as Appended
        next += 1
        out.int32(part.index).int16(verdict.code).int64(verdict.baseOffset)
        out.int64(-1) // log append time: records keep their own
        if (version >= 5) out.int64(verdict.logStart)
        if (version >= 8) out.structs([], () => undefined).string(verdict.detail)
      })
    })
    out.int32(0).tags()
  }
}
