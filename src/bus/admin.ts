import {
  createTopicsMessage,
  deleteRecordsMessage,
  deleteTopicsMessage,
  listOffsetsMessage,
  type PartitionOf,
  type PartitionOutcome,
} from './admin-messages.ts'
import { causeOf } from './causes.ts'
import type { Links, Message } from './links.ts'
import { BusRefused, BusUnreachable, type Admin, type BusSettings, type TopicInfo } from './port.ts'
import type { TopicRoute, Topology } from './topology.ts'
import { CODE, codeName } from './wire/codes.ts'
import { withinTime } from './within.ts'

interface AdminParts {
  readonly settings: BusSettings
  readonly links: Links
  readonly topology: Topology
  readonly nowMs: () => number
}

/**
 * Every call ends within this, whatever the brokers do; where none can be reached within the publish
 * timeout, as nobody waits longer for the bus; and soon after the client is closed.
 */
const CALL_MS = 15_000
const BROKER_MS = 5_000
const PAUSE_MS = 50
/** A partition whose leader has not answered by then is left out of an answer about many. */
const LEAVE_OUT_MS = 2_000
const EARLIEST = -2
const LATEST = -1

/**
 * Events of up to 1 MiB and their headers are above Kafka's default of 1,048,588 bytes a batch, so that a new topic is
 * given more room unless its configs say otherwise.
 */
const MAX_MESSAGE_BYTES = String(4 * 1024 * 1024)

/** Codes that pass by themselves once another broker leads, or the topic has spread. */
const PASSING: ReadonlySet<number> = new Set([
  CODE.leaderNotAvailable,
  CODE.notLeaderOrFollower,
  CODE.notController,
  CODE.requestTimedOut,
  CODE.networkException,
  CODE.offsetNotAvailable,
  CODE.unknownLeaderEpoch,
  CODE.fencedLeaderEpoch,
  CODE.replicaNotAvailable,
])

export function openAdmin({ settings, links, topology, nowMs }: AdminParts): Admin {
  /** Tries until it holds or the time is over; `attempt` answers `undefined` where it may hold later. */
  async function until<T>(what: string, attempt: () => Promise<T | undefined>): Promise<T> {
    const beganMs = nowMs()
    const deadlineMs = beganMs + CALL_MS
    let last: unknown
    for (;;) {
      try {
        const answer = await withinTime(attempt(), deadlineMs - nowMs())
        if (answer !== undefined) return answer
        last = undefined
      } catch (error) {
        if (error instanceof BusRefused) throw error
        last = error
      }
      const patienceMs = last instanceof BusUnreachable ? Math.min(CALL_MS, settings.publishTimeoutMs) : CALL_MS
      if (links.closed || nowMs() + PAUSE_MS >= beganMs + patienceMs) break
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
    const took = Math.round(nowMs() - beganMs)
    const why = last === undefined ? 'the brokers did not get it done' : causeOf(last)
    throw new BusUnreachable(`${what} did not succeed within ${took} ms: ${why}.`, { cause: last })
  }

  async function describe(names: readonly string[]): Promise<ReadonlyMap<string, TopicRoute>> {
    return until('Looking up topics', () => topology.refresh(names))
  }

  async function create(topics: Parameters<Admin['ensureTopics']>[0]): Promise<void> {
    const wanted = new Map(topics.map((topic) => [topic.name, topic]))
    await until('Creating topics', async () => {
      const link = await topology.controller()
      const news = [...wanted.values()].map((topic) => ({
        name: topic.name,
        partitions: topic.partitions,
        replication: settings.topicReplication ?? -1,
        configs: {
          'max.message.bytes': MAX_MESSAGE_BYTES,
          ...(settings.topicMinInsync === undefined ? {} : { 'min.insync.replicas': String(settings.topicMinInsync) }),
          ...topic.configs,
        },
      }))
      for (const { name, code, detail } of await link.send(createTopicsMessage(news, BROKER_MS))) {
        if (code === CODE.none || code === CODE.topicAlreadyExists) wanted.delete(name)
        else if (!PASSING.has(code)) {
          throw new BusRefused(`The bus refused to create topic ${name}: ${detail ?? codeName(code)}`)
        }
      }
      return wanted.size === 0 ? true : undefined
    })
  }

  /**
   * One request to the leader of each partition, again for those whose leader moved or did not answer; answers in the order of
   * `of`. All of them, or, with `leaveOutMs`, those that were answered by then.
   */
  async function atLeaders<T extends PartitionOf>(
    what: string,
    of: readonly T[],
    message: (own: readonly T[]) => Message<PartitionOutcome[]>,
    options: { readonly settled?: (code: number) => boolean; readonly leaveOutMs?: number } = {},
  ): Promise<PartitionOutcome[]> {
    const { settled = () => false, leaveOutMs } = options
    const done = new Map<string, PartitionOutcome>()
    const beganMs = nowMs()
    await until(what, async () => {
      const byLeader = await leadersOf(of, done, settled)
      let fault: unknown
      const asked = [...byLeader].map(async ([leader, own]) => {
        try {
          const link = await links.to(leader, 'admin')
          const answer = link.send(message(own))
          for (const outcome of await (leaveOutMs === undefined ? answer : withinTime(answer, leaveOutMs))) {
            if (outcome.code === CODE.none || settled(outcome.code)) done.set(keyOf(outcome), outcome)
            else if (!PASSING.has(outcome.code) && outcome.code !== CODE.unknownTopicOrPartition)
              throw new BusRefused(`${what} failed for ${keyOf(outcome)}: ${codeName(outcome.code)}.`)
          }
        } catch (error) {
          if (fault === undefined || error instanceof BusRefused) fault = error
        }
      })
      await Promise.all(asked)
      if (fault instanceof BusRefused || done.size >= new Set(of.map(keyOf)).size) {
        if (fault instanceof BusRefused) throw fault
        return true
      }
      if (leaveOutMs !== undefined && done.size > 0 && nowMs() - beganMs >= leaveOutMs) return true
      if (fault !== undefined) throw fault
      return undefined
    })
    return of.flatMap((part) => done.get(keyOf(part)) ?? [])
  }

  /** Those that are not `done` by their leader's address; those that have none are left for the next time. */
  async function leadersOf<T extends PartitionOf>(
    of: readonly T[],
    done: Map<string, PartitionOutcome>,
    settled: (code: number) => boolean,
  ): Promise<Map<string, T[]>> {
    const left = of.filter((part) => !done.has(keyOf(part)))
    const routes = await topology.refresh(new Set(left.map((part) => part.topic)))
    const byLeader = new Map<string, T[]>()
    for (const part of left) {
      const route = routes.get(part.topic)
      if (route === undefined || part.partition >= route.leaders.length) {
        if (!settled(CODE.unknownTopicOrPartition))
          throw new BusRefused(`The bus has no partition ${part.partition} of topic ${part.topic}.`)
        done.set(keyOf(part), { ...part, code: CODE.unknownTopicOrPartition, offset: -1 })
        continue
      }
      const leader = route.leaders[part.partition]
      if (leader === undefined) continue
      const own = byLeader.get(leader)
      if (own === undefined) byLeader.set(leader, [part])
      else own.push(part)
    }
    return byLeader
  }

  return {
    async ensureTopics(topics) {
      if (topics.length === 0) return []
      const names = topics.map((topic) => topic.name)
      const known = await describe(names)
      const absent = topics.filter((topic) => !known.has(topic.name))
      if (absent.length > 0) await create(absent)
      return until('Waiting for new topics', async () => {
        const routes = await topology.refresh(names)
        const infos: TopicInfo[] = []
        for (const topic of topics) {
          const route = routes.get(topic.name)
          // Not there yet, or there without a leader for each partition: a publish would have to wait.
          if (route === undefined || route.leaders.includes(undefined)) return undefined
          infos.push(infoOf(route))
        }
        return infos
      })
    },
    async describeTopics(names) {
      if (names.length === 0) return []
      const routes = await describe(names)
      return names.flatMap((name) => {
        const route = routes.get(name)
        return route === undefined ? [] : [infoOf(route)]
      })
    },
    async offsets(of) {
      if (of.length === 0) return []
      const within = { leaveOutMs: LEAVE_OUT_MS }
      const what = 'Looking up offsets'
      const earliest = await atLeaders(what, of, (own) => listOffsetsMessage(own, EARLIEST), within)
      const latest = await atLeaders(what, earliest, (own) => listOffsetsMessage(own, LATEST), within)
      const starts = new Map(earliest.map((outcome) => [keyOf(outcome), outcome.offset]))
      return latest.map(({ topic, partition, offset }) => ({
        topicId: topology.known(topic)?.topicId ?? '',
        topic,
        partition,
        earliest: starts.get(keyOf({ topic, partition })) ?? 0,
        latest: offset,
      }))
    },
    async deleteRecords(of) {
      if (of.length === 0) return
      // The topic is gone: so are its records.
      const gone = (code: number): boolean => code === CODE.unknownTopicOrPartition
      await atLeaders('Deleting records', of, (own) => deleteRecordsMessage(own, BROKER_MS), {
        settled: gone,
      })
    },
    async deleteTopics(names) {
      if (names.length === 0) return
      const wanted = new Set(names)
      await until('Deleting topics', async () => {
        const link = await topology.controller()
        for (const { name, code, detail } of await link.send(deleteTopicsMessage([...wanted], BROKER_MS))) {
          if (code === CODE.none || code === CODE.unknownTopicOrPartition) wanted.delete(name)
          else if (!PASSING.has(code)) {
            throw new BusRefused(`The bus refused to delete topic ${name}: ${detail ?? codeName(code)}`)
          }
        }
        return wanted.size === 0 ? true : undefined
      })
      for (const name of names) topology.forget(name)
    },
    async [Symbol.asyncDispose]() {
      await links[Symbol.asyncDispose]()
    },
  }
}

const keyOf = (part: PartitionOf): string => `${part.topic}/${part.partition}`

const infoOf = (route: TopicRoute): TopicInfo => ({
  name: route.name,
  topicId: route.topicId,
  partitions: route.leaders.length,
})
