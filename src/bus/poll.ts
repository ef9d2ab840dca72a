import { fetchMessage, BY_ID_FROM, type FetchedPart, type FetchResponse, type FetchWant } from './fetch-message.ts'
import type { Link } from './links.ts'
import { CODE } from './wire/codes.ts'

/** The fetches of one reader to one broker: one at a time, in an incremental session (KIP-227). */
export interface Poll {
  /** The next request for `wants`; its answer may be for fewer partitions, never for others. */
  next(
    link: Link,
    wants: ReadonlyMap<string, FetchWant>,
    limits: { maxWaitMs: number; maxBytes: number },
  ): Promise<PollAnswer>
}

export interface PollAnswer {
  readonly parts: readonly { readonly want: FetchWant; readonly part: FetchedPart }[]
  /** The broker refused the session: nothing was answered, the next request begins another. */
  readonly restarted: boolean
}

const SESSION_LOST: ReadonlySet<number> = new Set([
  CODE.fetchSessionIdNotFound,
  CODE.invalidFetchSessionEpoch,
  CODE.fetchSessionTopicIdError,
  CODE.inconsistentTopicId,
  CODE.unknownTopicId,
])
const EPOCHS = 0x7fff_ffff

export const positionKey = (topicId: string, partition: number): string => `${topicId}/${partition}`

export function openPoll(): Poll {
  let link: Link | undefined
  let sessionId = 0
  let epoch = 0
  /** What the broker believes we want. */
  let told = new Map<string, FetchWant>()

  function restart(): void {
    sessionId = 0
    epoch = 0
    told = new Map()
  }

  return {
    async next(current, wants, limits) {
      // A session ends with its connection at the latest.
      if (current !== link) restart()
      link = current
      const changed: FetchWant[] = []
      for (const [key, want] of wants) {
        const before = told.get(key)
        if (before === undefined || before.offset !== want.offset || before.maxBytes !== want.maxBytes)
          changed.push(want)
      }
      const forgotten: FetchWant[] = []
      if (epoch > 0) for (const [key, want] of told) if (!wants.has(key)) forgotten.push(want)
      const message = fetchMessage({
        ...limits,
        sessionId,
        epoch,
        wants: epoch === 0 ? [...wants.values()] : changed,
        forgotten,
      })
      let response: FetchResponse
      try {
        response = await current.send(message)
      } catch (error) {
        restart()
        throw error
      }
      if (response.code !== CODE.none) {
        restart()
        if (SESSION_LOST.has(response.code)) return { parts: [], restarted: true }
        throw new PollRefused(response.code)
      }
      told = new Map(wants)
      sessionId = response.sessionId
      // Session 0 in an answer: the broker keeps none, each request is whole.
      epoch = sessionId === 0 ? 0 : epoch >= EPOCHS ? 1 : epoch + 1
      return { parts: pair(response.parts, wants, current.versionOf(message) >= BY_ID_FROM), restarted: false }
    },
  }
}

function pair(
  parts: readonly FetchedPart[],
  wants: ReadonlyMap<string, FetchWant>,
  byId: boolean,
): { want: FetchWant; part: FetchedPart }[] {
  if (parts.length === 0) return []
  const find = byId ? (key: string) => wants.get(key) : named(wants)
  const paired: { want: FetchWant; part: FetchedPart }[] = []
  for (const part of parts) {
    const want = find(positionKey(part.topic, part.partition))
    if (want !== undefined) paired.push({ want, part })
  }
  return paired
}

function named(wants: ReadonlyMap<string, FetchWant>): (key: string) => FetchWant | undefined {
  const byName = new Map<string, FetchWant>()
  for (const want of wants.values()) byName.set(positionKey(want.topic, want.partition), want)
  return (key) => byName.get(key)
}

/** The broker refused a whole fetch with a code that is not about its session. */
class PollRefused extends Error {
  override readonly name = 'PollRefused'
  readonly code: number
  constructor(code: number) {
    super(`the broker refused the fetch with code ${code}`)
    this.code = code
  }
}
