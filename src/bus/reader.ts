import { rootCause } from './causes.ts'
import type { FetchWant, FetchedPart } from './fetch-message.ts'
import type { Links } from './links.ts'
import { openPoll, positionKey, type Poll, type PollAnswer } from './poll.ts'
import {
  BusUnreachable,
  type FetchAnswer,
  type FetchedPartition,
  type FetchProblem,
  type FetchProblemCode,
  type Reader,
  type SourcePosition,
} from './port.ts'
import { decodeBatches } from './records/decode.ts'
import type { Topology } from './topology.ts'
import { CODE, codeName } from './wire/codes.ts'

interface ReaderParts {
  readonly links: Links
  readonly topology: Topology
  /** Makes this reader's connections its own: a long poll holds up nobody else. */
  readonly lane: string
  readonly nowMs: () => number
}

type Limits = { maxBytes: number; maxWaitMs: number }

/** One broker that leads some of the partitions: its poll, and an answer that nobody has taken yet. */
interface Source {
  readonly poll: Poll
  asked: Promise<void> | undefined
  answer: PollAnswer | undefined
  fault: Error | undefined
  /** When its answer was due, or its leaders were last looked up; and what it was asked for. */
  dueAtMs: number
  wants: ReadonlyMap<string, FetchWant>
}

const PARTITION_BYTES = 1024 * 1024
/** A broker is asked to wait no longer than this, so that one that hangs is noticed soon after. */
export const LONGEST_POLL_MS = 5000
/** What an answer may take beyond the wait itself before the caller gets an empty one; it is kept for the next call. */
const ANSWER_MS = 500
/** Beyond the wait it was asked for: then a broker may hang. */
const SLOW_MS = 2000
/** Between two attempts while nothing can be asked at all. */
const PAUSE_MS = 100
/** How long a partition may be without topic or leader before it is reported: a new one spreads within a second or so. */
const PASSES_MS = 2000

/**
 * Reads given partitions from given offsets, straight from their leaders, without a consumer group. Every broker has one
 * request under way at most; an answer that arrives while nobody waits is kept for the next call, and dropped where the
 * position has moved on meanwhile.
 */
export function openReader({ links, topology, lane, nowMs }: ReaderParts): Reader {
  const sources = new Map<string, Source>()
  /** Since when a position is in trouble that may pass. */
  const troubled = new Map<string, number>()
  let closed = false

  function ask(address: string, wants: ReadonlyMap<string, FetchWant>, limits: Limits): Source {
    let source = sources.get(address)
    if (source === undefined)
      sources.set(
        address,
        (source = {
          poll: openPoll(),
          asked: undefined,
          answer: undefined,
          fault: undefined,
          dueAtMs: 0,
          wants: new Map(),
        }),
      )
    const known = source
    if (known.asked === undefined && known.answer === undefined) {
      known.fault = undefined
      known.dueAtMs = nowMs() + limits.maxWaitMs
      known.wants = wants
      known.asked = links
        .to(address, lane)
        .then((link) => known.poll.next(link, wants, limits))
        .then(
          (answer) => void (known.answer = answer),
          (error: unknown) => void (known.fault = error instanceof Error ? error : new Error(String(error))),
        )
        .finally(() => void (known.asked = undefined))
    }
    return known
  }

  async function fetch(
    positions: readonly SourcePosition[],
    options: Limits & { signal?: AbortSignal },
  ): Promise<FetchAnswer> {
    const deadlineMs = nowMs() + options.maxWaitMs
    const answer = { partitions: [] as FetchedPartition[], problems: [] as FetchProblem[] }
    if (closed) throw new BusUnreachable('The reader is closed.')
    if (positions.length === 0) {
      await pause(options.maxWaitMs, options.signal)
      return answer
    }
    const wanted = new Map<string, FetchWant>()
    for (const position of positions) wanted.set(positionKey(position.topicId, position.partition), wantOf(position))
    for (const key of troubled.keys()) if (!wanted.has(key)) troubled.delete(key)
    for (;;) {
      const leaders = await leadersOf(wanted, answer)
      // With something to report already, only what is there is asked for.
      const leftMs = answer.problems.length > 0 ? 0 : Math.max(0, deadlineMs - nowMs())
      const asked = [...leaders].map(([address, wants]) =>
        ask(address, wants, { maxBytes: options.maxBytes, maxWaitMs: Math.min(LONGEST_POLL_MS, Math.ceil(leftMs)) }),
      )
      if (asked.length > 0) await firstOf(asked, leftMs + ANSWER_MS, options.signal)
      lookAfter(asked)
      let faults = 0
      for (const source of asked) {
        if (source.fault !== undefined) faults += 1
        take(source, wanted, answer)
      }
      if (answer.partitions.length > 0 || answer.problems.length > 0 || options.signal?.aborted === true) return answer
      if (faults > 0) await afterFault(asked, leaders, faults)
      if (nowMs() >= deadlineMs) return answer
      if (faults > 0 || asked.length === 0 || troubled.size > 0)
        await pause(Math.min(PAUSE_MS, deadlineMs - nowMs()), options.signal)
    }
  }

  /** A broker that hangs ends its request only after many seconds: who leads its partitions by now is asked meanwhile. */
  function lookAfter(asked: readonly Source[]): void {
    for (const source of asked) {
      if (source.asked === undefined || nowMs() - source.dueAtMs < SLOW_MS) continue
      source.dueAtMs = nowMs()
      topology.refresh(new Set([...source.wants.values()].map((want) => want.topic))).catch(() => undefined)
    }
  }

  /** Faults of single brokers pass with the next leader; when no broker at all answers, the caller is told. */
  async function afterFault(
    asked: readonly Source[],
    leaders: ReadonlyMap<string, ReadonlyMap<string, FetchWant>>,
    faults: number,
  ): Promise<void> {
    const names = [...leaders.values()].flatMap((wants) => [...wants.values()].map((want) => want.topic))
    try {
      await topology.refresh([...new Set(names)])
    } catch (error) {
      if (faults < asked.length) return
      throw error instanceof BusUnreachable ? error : new BusUnreachable(rootCause(error), { cause: error })
    }
  }

  /** Wanted partitions by their leader's address. What has none, or is another topic by now, becomes a problem. */
  async function leadersOf(
    wanted: Map<string, FetchWant>,
    answer: { problems: FetchProblem[] },
  ): Promise<Map<string, Map<string, FetchWant>>> {
    const leaders = new Map<string, Map<string, FetchWant>>()
    const place = (key: string, want: FetchWant): boolean => {
      const address = topology.knownId(want.topicId)?.leaders[want.partition]
      if (address === undefined) return false
      let own = leaders.get(address)
      if (own === undefined) leaders.set(address, (own = new Map()))
      own.set(key, want)
      return true
    }
    const lost: [string, FetchWant][] = []
    for (const [key, want] of wanted) if (!place(key, want)) lost.push([key, want])
    if (lost.length === 0) return leaders
    await topology.refresh([...new Set(lost.map(([, want]) => want.topic))])
    for (const [key, want] of lost) {
      if (!place(key, want)) reportLost(key, want, wanted, answer)
    }
    return leaders
  }

  function reportLost(
    key: string,
    want: FetchWant,
    wanted: Map<string, FetchWant>,
    answer: { problems: FetchProblem[] },
  ): void {
    const route = topology.known(want.topic)
    if (route !== undefined && route.topicId !== want.topicId) {
      problem(answer, want, 'unknown_topic_id', `Topic ${want.topic} is another one now, with id ${route.topicId}.`)
    } else if (passes(key, want)) {
      return
    } else if (route === undefined) {
      problem(answer, want, 'unknown_topic_id', `The bus has no topic ${want.topic}.`)
    } else {
      const there = want.partition < route.leaders.length
      const detail = there ? 'The partition has no leader.' : `The topic has no partition ${want.partition}.`
      problem(answer, want, 'unavailable', detail)
    }
    wanted.delete(key)
  }

  /**
   * A partition whose leader is moving, or that was made a moment ago, is no problem yet: its topic is looked up again and
   * the fetch goes on, for a while.
   */
  function passes(key: string, want: FetchWant): boolean {
    topology.forget(want.topic)
    const since = troubled.get(key) ?? nowMs()
    troubled.set(key, since)
    if (nowMs() - since < PASSES_MS) return true
    troubled.delete(key)
    return false
  }

  function take(
    source: Source,
    wanted: ReadonlyMap<string, FetchWant>,
    answer: { partitions: FetchedPartition[]; problems: FetchProblem[] },
  ): void {
    const taken = source.answer
    source.answer = undefined
    for (const { want, part } of taken?.parts ?? []) {
      const now = wanted.get(positionKey(want.topicId, want.partition))
      // Kept from an earlier call, and read past or given back since.
      if (now === undefined || now.offset !== want.offset) continue
      settlePart(want, part, answer)
    }
  }

  function settlePart(
    want: FetchWant,
    part: FetchedPart,
    answer: { partitions: FetchedPartition[]; problems: FetchProblem[] },
  ): void {
    const key = positionKey(want.topicId, want.partition)
    if (part.code !== CODE.none) {
      const code = problemOf(part.code)
      const range = code === 'offset_out_of_range' ? ` The log holds ${part.logStart} to ${part.highWatermark}.` : ''
      if (code !== 'offset_out_of_range' && passes(key, want)) return
      problem(answer, want, code, `The broker answered ${codeName(part.code)} for offset ${want.offset}.${range}`)
      return
    }
    troubled.delete(key)
    if (part.divergesAt !== undefined) {
      const detail = `The log is another one from offset ${part.divergesAt} on than the one that was read up to ${want.offset}.`
      const { topicId, topic, partition } = want
      answer.problems.push({ topicId, topic, partition, code: 'cut_back', detail, divergesAt: part.divergesAt })
      return
    }
    if (part.bytes === null || part.bytes.length === 0) return
    const { records, nextOffset, epoch, fault } = decodeBatches(part.bytes, want.offset, part.aborted)
    if (nextOffset > want.offset) {
      const { topicId, topic, partition } = want
      const { highWatermark, logStart } = part
      answer.partitions.push({ topicId, topic, partition, records, nextOffset, highWatermark, logStart, epoch })
    }
    // What lies before the fault is answered first; the fault itself when it is next.
    if (fault !== undefined && nextOffset === want.offset) problem(answer, want, 'corrupt', `${fault}.`)
  }

  return {
    fetch,
    async [Symbol.asyncDispose]() {
      closed = true
      await links[Symbol.asyncDispose]()
    },
  }
}

function problem(answer: { problems: FetchProblem[] }, want: FetchWant, code: FetchProblemCode, detail: string): void {
  answer.problems.push({ topicId: want.topicId, topic: want.topic, partition: want.partition, code, detail })
}

const wantOf = (position: SourcePosition): FetchWant => ({
  topicId: position.topicId,
  topic: position.topic,
  partition: position.partition,
  offset: position.offset,
  epoch: position.epoch,
  maxBytes: position.maxBytes ?? PARTITION_BYTES,
})

/** Total: every code is one of four problems. */
function problemOf(code: number): FetchProblemCode {
  if (code === CODE.offsetOutOfRange) return 'offset_out_of_range'
  if (code === CODE.unknownTopicId || code === CODE.inconsistentTopicId) return 'unknown_topic_id'
  return code === CODE.corruptMessage ? 'corrupt' : 'unavailable'
}

/** Until one of the sources has an answer or a fault, `ms` are over, or the caller gives up. */
async function firstOf(sources: readonly Source[], ms: number, signal: AbortSignal | undefined): Promise<void> {
  if (sources.some((source) => source.asked === undefined) || signal?.aborted === true) return
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  signal?.addEventListener('abort', resolve as () => void)
  try {
    await Promise.race([...sources.map((source) => source.asked), promise])
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', resolve as () => void)
  }
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  if (ms <= 0 || signal?.aborted === true) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal?.addEventListener('abort', done)
  })
}
