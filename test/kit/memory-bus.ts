import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import {
  BusUnreachable,
  type Bus,
  type OutgoingRecord,
  type PublishVerdict,
  type TopicInfo,
} from '../../src/bus/index.ts'

export interface MemoryBus extends Bus {
  /** Published records by topic, in order. */
  readonly records: ReadonlyMap<string, readonly OutgoingRecord[]>
  readonly topics: ReadonlyMap<string, TopicInfo>
  /** Every call of the admin, by name, for counting. */
  readonly calls: readonly string[]
  /** The next `times` calls of `what` reject (publish: answers failures) without having done anything. */
  failNext(what: 'ensureTopics' | 'publish' | 'ping', times?: number): void
  /** The next `times` calls do their work, then reject as if the answer had been lost. */
  loseAnswerOf(what: 'ensureTopics' | 'publish', times?: number): void
  /** Calls wait this long before anything happens. */
  delayBy(ms: number): void
  /** Calls wait until the returned function is called. */
  hold(): () => void
  setAway(isAway: boolean): void
}

/** A bus in memory that can fail on purpose. It keeps the port's promises, not its speed. */
export function openMemoryBus(): MemoryBus {
  const topics = new Map<string, TopicInfo>()
  const records = new Map<string, OutgoingRecord[]>()
  const calls: string[] = []
  const failing = new Map<string, number>()
  const losing = new Map<string, number>()
  let waitMs = 0
  let held: Promise<void> | undefined
  let isAway = false

  const take = (from: Map<string, number>, what: string): boolean => {
    const left = from.get(what) ?? 0
    if (left > 0) from.set(what, left - 1)
    return left > 0
  }
  async function enter(what: string): Promise<void> {
    calls.push(what)
    if (waitMs > 0) await delay(waitMs)
    if (held !== undefined) await held
    if (isAway || take(failing, what)) throw new BusUnreachable(`${what} failed on purpose`)
  }
  function leave(what: string): void {
    if (take(losing, what)) throw new BusUnreachable(`the answer of ${what} was lost on purpose`)
  }
  function ensure(name: string, partitions: number): TopicInfo {
    const known = topics.get(name)
    if (known !== undefined) return known
    const hex = createHash('md5').update(name).digest('hex')
    const topicId = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
    const made = { name, topicId, partitions }
    topics.set(name, made)
    return made
  }

  const bus: MemoryBus = {
    records,
    topics,
    calls,
    failNext: (what, times = 1) => void failing.set(what, times),
    loseAnswerOf: (what, times = 1) => void losing.set(what, times),
    delayBy: (ms) => void (waitMs = ms),
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>()
      held = promise
      return () => {
        held = undefined
        resolve()
      }
    },
    setAway: (away) => void (isAway = away),
    publisher: () => ({
      pending: { records: 0, bytes: 0, oldestAgoMs: undefined },
      async publish(outgoing) {
        try {
          await enter('publish')
          const verdicts = outgoing.map((record): PublishVerdict => {
            if (!topics.has(record.topic)) return { code: 'unknown_topic', detail: `there is no topic ${record.topic}` }
            records.set(record.topic, [...(records.get(record.topic) ?? []), record])
            return null
          })
          leave('publish')
          return verdicts
        } catch (error) {
          return outgoing.map(() => ({ code: 'timeout', detail: (error as Error).message }))
        }
      },
      async [Symbol.asyncDispose]() {},
    }),
    reader() {
      throw new Error('the memory bus is not read from')
    },
    admin: {
      async ensureTopics(wanted) {
        await enter('ensureTopics')
        const made = wanted.map(({ name, partitions }) => ensure(name, partitions))
        leave('ensureTopics')
        return made
      },
      describeTopics: async (names) => names.flatMap((name) => topics.get(name) ?? []),
      offsets: async (of) =>
        of.map((one) => ({
          ...one,
          topicId: topics.get(one.topic)?.topicId ?? '',
          earliest: 0,
          latest: records.get(one.topic)?.length ?? 0,
        })),
      deleteRecords: async () => undefined,
      deleteTopics: async (names) => names.forEach((name) => topics.delete(name)),
      async [Symbol.asyncDispose]() {},
    },
    ping: () => enter('ping'),
    async [Symbol.asyncDispose]() {},
  }
  return bus
}
