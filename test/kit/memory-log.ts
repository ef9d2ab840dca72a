import { setTimeout as wait } from 'node:timers/promises'
import {
  BusRefused,
  BusUnreachable,
  type Admin,
  type FetchAnswer,
  type FetchProblem,
  type FetchedPartition,
  type FetchedRecord,
  type Reader,
  type TopicInfo,
} from '../../src/bus/index.ts'

/** A record to be put into the log; headers by name. */
export interface LogRecord {
  readonly key: string | null
  readonly value: string | Buffer | null
  /** As its producer says; any number. */
  readonly timestampMs?: number
  readonly headers?: Readonly<Record<string, string>> | ReadonlyArray<readonly [string, string]>
}

/** A readable bus in memory that can fail on purpose: it keeps the promises of `Reader`, offsets and all. */
export interface MemoryLog {
  addTopic(topic: TopicInfo): void
  /** The topic is gone; with `anew` another of the same name is there at once. */
  removeTopic(name: string, anew?: TopicInfo): void
  /** Answers the offset of the first. */
  append(topic: string, partition: number, records: readonly LogRecord[]): number
  /** Removes records below an offset, as retention does. */
  deleteBelow(topic: string, partition: number, offset: number): void
  /** Cuts the log back to an offset, as a restored disk does. */
  cutAt(topic: string, partition: number, offset: number): void
  end(topic: string, partition: number): number
  reader(): Reader
  readonly admin: Pick<Admin, 'offsets' | 'describeTopics'>
  /** While away every call rejects. */
  setAway(isAway: boolean): void
  /** The next `times` polls read, then reject as if the answer had been lost. */
  loseNextAnswers(times: number): void
  /** The next poll that has records keeps its answer until this is called. */
  holdNextAnswer(): { readonly held: Promise<void>; release(): void }
  /** Polls that were asked, by the topics asked for. */
  readonly polls: ReadonlyArray<readonly string[]>
}

interface Log {
  start: number
  readonly records: FetchedRecord[]
  /** In step with the records: the leader that took each. A cut comes with another leader. */
  readonly epochs: number[]
  epoch: number
}

/** Where what the epoch's leader knew ends: the first record of a later one, or the end. */
function endOf(log: Log, epoch: number | undefined): number {
  const later = epoch === undefined ? -1 : log.epochs.findIndex((of) => of > epoch)
  return log.start + (later < 0 ? log.records.length : later)
}

export function openMemoryLog(): MemoryLog {
  const topics = new Map<string, TopicInfo>()
  const logs = new Map<string, Log>()
  const polls: string[][] = []
  let away = false
  let losing = 0
  let holding: { readonly held: PromiseWithResolvers<void>; readonly open: PromiseWithResolvers<void> } | undefined
  let arrived = Promise.withResolvers<void>()

  const at = (topicId: string, partition: number): string => `${topicId}/${partition}`
  const logOf = (topic: string, partition: number): Log => {
    const info = topics.get(topic)
    const log = info === undefined ? undefined : logs.get(at(info.topicId, partition))
    if (log === undefined) throw new Error(`no partition ${partition} of ${topic}`)
    return log
  }
  const wake = (): void => {
    arrived.resolve()
    arrived = Promise.withResolvers<void>()
  }
  const addTopic = (topic: TopicInfo): void => {
    topics.set(topic.name, topic)
    for (let partition = 0; partition < topic.partitions; partition += 1) {
      logs.set(at(topic.topicId, partition), { start: 0, records: [], epochs: [], epoch: 0 })
    }
  }

  function read(positions: Parameters<Reader['fetch']>[0], maxBytes: number): FetchAnswer {
    const partitions: FetchedPartition[] = []
    const problems: FetchProblem[] = []
    let bytes = 0
    for (const { topicId, topic, partition, offset, epoch: asked, maxBytes: most = maxBytes } of positions) {
      const log = logs.get(at(topicId, partition))
      const named = { topicId, topic, partition }
      if (log === undefined || topics.get(topic)?.topicId !== topicId) {
        problems.push({ ...named, code: 'unknown_topic_id', detail: 'there is no such topic id' })
        continue
      }
      const end = log.start + log.records.length
      if (offset < log.start || offset > end) {
        problems.push({ ...named, code: 'offset_out_of_range', detail: `${offset} is not in ${log.start}..${end}` })
        continue
      }
      const divergesAt = endOf(log, asked)
      if (divergesAt < offset) {
        problems.push({ ...named, code: 'cut_back', detail: `another log from ${divergesAt} on`, divergesAt })
        continue
      }
      const records: FetchedRecord[] = []
      for (let taken = 0; bytes < maxBytes && taken < most && offset + records.length < end;) {
        const record = log.records[offset - log.start + records.length] as FetchedRecord
        records.push(record)
        const size = (record.value?.length ?? 0) + 100
        taken += size
        bytes += size
      }
      if (records.length > 0) {
        const nextOffset = offset + records.length
        const epoch = log.epochs[nextOffset - 1 - log.start] ?? 0
        partitions.push({ ...named, records, nextOffset, highWatermark: end, logStart: log.start, epoch })
      }
    }
    return { partitions, problems }
  }

  return {
    addTopic,
    removeTopic(name, anew) {
      topics.delete(name)
      if (anew !== undefined) addTopic(anew)
      wake()
    },
    append(topic, partition, records) {
      const log = logOf(topic, partition)
      const first = log.start + log.records.length
      records.forEach(({ key, value, timestampMs, headers = {} }, index) => {
        const entries = Array.isArray(headers) ? headers : Object.entries(headers as Record<string, string>)
        log.epochs.push(log.epoch)
        log.records.push({
          offset: first + index,
          timestampMs: timestampMs ?? Date.UTC(2026, 0, 1) + index,
          key: key === null ? null : Buffer.from(key),
          value: value === null ? null : Buffer.from(value),
          headers: entries.map(
            ([name, text]: readonly [string, string]) => [Buffer.from(name), Buffer.from(text)] as const,
          ),
        })
      })
      wake()
      return first
    },
    deleteBelow(topic, partition, offset) {
      const log = logOf(topic, partition)
      log.records.splice(0, offset - log.start)
      log.epochs.splice(0, offset - log.start)
      log.start = offset
    },
    cutAt(topic, partition, offset) {
      const log = logOf(topic, partition)
      log.records.splice(offset - log.start)
      log.epochs.splice(offset - log.start)
      log.epoch += 1
    },
    end(topic, partition) {
      const log = logOf(topic, partition)
      return log.start + log.records.length
    },
    polls,
    setAway: (isAway) => void (away = isAway),
    holdNextAnswer() {
      const hold = { held: Promise.withResolvers<void>(), open: Promise.withResolvers<void>() }
      holding = hold
      return { held: hold.held.promise, release: hold.open.resolve }
    },
    loseNextAnswers: (times) => void (losing = times),
    reader: () => ({
      async fetch(positions, { maxBytes, maxWaitMs, signal }) {
        signal?.throwIfAborted()
        polls.push(positions.map((one) => one.topic))
        if (away) throw new BusUnreachable('away on purpose')
        let answer = read(positions, maxBytes)
        if (answer.partitions.length === 0 && answer.problems.length === 0) {
          const until = AbortSignal.any([AbortSignal.timeout(maxWaitMs), ...(signal === undefined ? [] : [signal])])
          await Promise.race([arrived.promise, wait(maxWaitMs, undefined, { signal: until }).catch(() => undefined)])
          signal?.throwIfAborted()
          if (away) throw new BusUnreachable('away on purpose')
          answer = read(positions, maxBytes)
        }
        if (holding !== undefined && answer.partitions.length > 0) {
          const hold = holding
          holding = undefined
          hold.held.resolve()
          await hold.open.promise
        }
        if (losing > 0) {
          losing -= 1
          throw new BusUnreachable('the answer was lost on purpose')
        }
        return answer
      },
      async [Symbol.asyncDispose]() {},
    }),
    admin: {
      async offsets(of) {
        if (away) throw new BusUnreachable('away on purpose')
        return of.map(({ topic, partition }) => {
          const topicId = topics.get(topic)?.topicId
          if (topicId === undefined) throw new BusRefused(`The bus has no topic ${topic}.`)
          const log = logOf(topic, partition)
          return { topicId, topic, partition, earliest: log.start, latest: log.start + log.records.length }
        })
      },
      async describeTopics(names) {
        if (away) throw new BusUnreachable('away on purpose')
        return names.flatMap((name) => topics.get(name) ?? [])
      },
    },
  }
}
