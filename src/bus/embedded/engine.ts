import { Buffer } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import { CODE } from '../wire/codes.ts'
import { appendBatches, type Append, type Appended } from './append.ts'
import { encodeChange, growTopic, makeTopic, type Change } from './changes.ts'
import { encodeCheckpoint } from './checkpoint.ts'
import type { FileLayer } from './files.ts'
import { KIND } from './frames.ts'
import { openJournal, type Entry, type Journal, type JournalFault } from './journal.ts'
import { planRead, readBatches, type ReadPlan } from './read.ts'
import { recentBytes, type RecentBytes } from './recent.ts'
import { reclaimer, type Reclaimer } from './reclaim.ts'
import { recover } from './recover.ts'
import { dropTopic, raiseLogStart, type BusState, type Partition, type Topic } from './topics.ts'

export interface EngineOptions {
  readonly files: FileLayer
  /** For sentences only. */
  readonly folder: string
  readonly maxBytes: number
  readonly segmentBytes: number
  readonly recentBytes: number
  readonly groupOf: (topic: string) => string
  readonly now: () => number
  readonly onFault: (fault: JournalFault) => void
}

/** A code of Kafka's and, for a human, why. */
export interface Outcome {
  readonly code: number
  readonly detail: string | null
}
export const DONE: Outcome = { code: CODE.none, detail: null }

/** The log itself, without a network: topics, appends, reads; everything durable before its promise resolves. */
export interface Engine {
  readonly state: BusState
  readonly journal: Journal
  readonly reclaimer: Reclaimer
  /** Bytes cut from the journal's end at start: an unfinished write of the last run. */
  readonly cutBytes: number
  topicByName(name: string): Topic | undefined
  topicById(id: string): Topic | undefined
  append(parts: readonly Append[], done: (verdicts: Appended[]) => void): void
  plan(partition: Partition, offset: number, maxBytes: number, atLeastOne: boolean): ReadPlan
  read(plan: ReadPlan): Promise<Buffer[]>
  createTopic(
    name: string,
    partitions: number,
    configs: Readonly<Record<string, string>>,
  ): Promise<Outcome & { topic?: Topic }>
  deleteTopic(topic: Topic): Promise<Outcome>
  addPartitions(topic: Topic, partitions: number): Promise<Outcome>
  /** Log starts only ever move forward. */
  deleteRecords(of: readonly { readonly partition: Partition; readonly beforeOffset: number }[]): Promise<Outcome>
  /** A producer id that was never given away before. */
  nextProducerId(): Promise<{ readonly code: number; readonly producerId: number }>
  close(): Promise<void>
}

/** Producer ids are reserved on the medium in blocks: one sync for a thousand producers. */
const PRODUCER_ID_BLOCK = 1000

/** Recovers the journal and makes it ready; rejects with `JournalRefused` where it is damaged. */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const recovered = await recover(options.files, {
    clusterId: Buffer.from(randomUUID().replaceAll('-', ''), 'hex').toString('base64url'),
    groupOf: options.groupOf,
    folder: options.folder,
  })
  const { state } = recovered
  const recent: RecentBytes = recentBytes(options.recentBytes)
  let producerIdsBelow = state.nextProducerId
  const journal = openJournal({
    files: options.files,
    segments: recovered.segments,
    nextSequence: recovered.nextSequence,
    segmentBytes: options.segmentBytes,
    checkpoint: () => encodeCheckpoint({ ...state, nextProducerId: producerIdsBelow }),
    onGroup: () => reclaim.noticed(),
    onFault: options.onFault,
  })
  const reclaim = reclaimer({ state, journal, recent, segmentBytes: options.segmentBytes, now: options.now })
  await journal.begin()

  /** One change, decided when its group is built. `prepare` answers what to write, or why not. */
  function change(prepare: () => { change: Change; landed: () => void; lost: () => void } | Outcome): Promise<Outcome> {
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    let outcome: Outcome = DONE
    journal.commit({
      bytes: 1024,
      prepare() {
        const decided = prepare()
        if ('code' in decided) {
          outcome = decided
          return []
        }
        return [changeEntry(decided.change, decided.landed, decided.lost)]
      },
      settle(fault) {
        resolve(fault === null ? outcome : { code: CODE.kafkaStorageError, detail: fault.message })
      },
    })
    return promise
  }

  const visible = (topic: Topic | undefined): Topic | undefined => (topic?.durable === true ? topic : undefined)

  return {
    state,
    journal,
    reclaimer: reclaim,
    cutBytes: recovered.cutBytes,
    topicByName: (name) => visible(state.byName.get(name)),
    topicById: (id) => visible(state.byId.get(id)),
    append: (parts, done) => appendBatches({ state, journal, recent, maxBytes: options.maxBytes }, parts, done),
    plan: planRead,
    read: (plan) => readBatches(journal, recent, plan),
    async createTopic(name, partitions, configs) {
      let topic: Topic | undefined
      const outcome = await change(() => {
        if (state.byName.has(name)) return { code: CODE.topicAlreadyExists, detail: `Topic ${name} exists.` }
        const made = { kind: KIND.topicCreated, no: state.nextTopicNo, id: randomUUID(), name, partitions, configs }
        const added = makeTopic(state, made, options.groupOf(name))
        topic = added
        return {
          change: made,
          landed: () => {
            added.durable = true
          },
          lost: () => dropTopic(state, added),
        }
      })
      return topic === undefined ? outcome : { ...outcome, topic }
    },
    deleteTopic: (topic) =>
      change(() => {
        if (topic.deleted) return { code: CODE.unknownTopicOrPartition, detail: null }
        return {
          change: { kind: KIND.topicDeleted, no: topic.no },
          landed: () => {
            if (!topic.deleted) dropTopic(state, topic)
          },
          lost: () => undefined,
        }
      }),
    addPartitions: (topic, partitions) =>
      change(() => {
        const before = topic.partitions.length
        if (topic.deleted) return { code: CODE.unknownTopicOrPartition, detail: null }
        if (partitions <= before) {
          return { code: CODE.invalidPartitions, detail: `The topic has ${before} partitions already.` }
        }
        return {
          change: { kind: KIND.partitionsAdded, no: topic.no, partitions },
          landed: () => growTopic(topic, partitions),
          lost: () => undefined,
        }
      }),
    deleteRecords(of) {
      return change(() => {
        const starts = of
          .filter(({ partition, beforeOffset }) => !partition.topic.deleted && beforeOffset > partition.logStart)
          .map(({ partition, beforeOffset }) => [partition.topic.no, partition.index, beforeOffset] as const)
        if (starts.length === 0) return DONE
        return {
          change: { kind: KIND.logStart, starts },
          landed: () => {
            for (const { partition, beforeOffset } of of) {
              raiseLogStart(state, partition, beforeOffset)
              for (const watcher of partition.watchers) watcher.touched()
            }
          },
          lost: () => undefined,
        }
      })
    },
    async nextProducerId() {
      if (state.nextProducerId >= producerIdsBelow) {
        const outcome = await change(() => {
          if (state.nextProducerId < producerIdsBelow) return DONE
          const before = producerIdsBelow
          producerIdsBelow = state.nextProducerId + PRODUCER_ID_BLOCK
          return {
            change: { kind: KIND.producerIds, below: producerIdsBelow },
            landed: () => undefined,
            lost: () => {
              producerIdsBelow = before
            },
          }
        })
        if (outcome.code !== CODE.none) return { code: outcome.code, producerId: -1 }
      }
      const producerId = state.nextProducerId
      state.nextProducerId += 1
      return { code: CODE.none, producerId }
    },
    async close() {
      await reclaim.close()
      await journal.close()
    },
  }
}

function changeEntry(change: Change, landed: () => void, lost: () => void): Entry {
  const body = encodeChange(change)
  return {
    kind: change.kind,
    bodyBytes: body.length,
    write: (into, at) => void body.copy(into, at),
    landed,
    lost,
  }
}
