import { BatchIndex, type BatchEntry } from './batch-index.ts'
import { BATCH_FRAME_HEAD } from './frames.ts'
import type { ProducerState } from './producers.ts'

export interface Topic {
  /** Small number that frames carry in place of the id; never used twice. */
  readonly no: number
  /** UUID text with hyphens. */
  readonly id: string
  readonly name: string
  readonly configs: Readonly<Record<string, string>>
  readonly partitions: Partition[]
  /** Whoever shares the space of the bus with others: a tenant's topics are one group. */
  readonly group: string
  /** False until the frame that made it is on the medium: then nobody sees it yet. */
  durable: boolean
  deleted: boolean
}

/** Told whenever a partition's readable end, start or life changes. */
export interface Watcher {
  touched(): void
}

export interface Partition {
  readonly topic: Topic
  readonly index: number
  logStart: number
  /** Everything below is on the medium; only that can be read. */
  highWatermark: number
  /** The next offset to give away; ahead of `highWatermark` only while a group is being written. */
  nextOffset: number
  readonly batches: BatchIndex
  /** By producer id. */
  readonly producers: Map<number, ProducerState>
  readonly watchers: Set<Watcher>
}

/** The state that the journal's frames add up to, plus what is counted along the way. */
export interface BusState {
  clusterId: string
  nextTopicNo: number
  nextProducerId: number
  readonly topics: Map<number, Topic>
  readonly byName: Map<string, Topic>
  readonly byId: Map<string, Topic>
  /** Bytes of frames that hold readable records, by segment number. */
  readonly liveBySegment: Map<number, number>
  /** The same, by group of topics; every group that has a topic is listed. */
  readonly liveByGroup: Map<string, number>
  liveBytes: number
}

export function emptyState(clusterId: string): BusState {
  return {
    clusterId,
    nextTopicNo: 1,
    nextProducerId: 1,
    topics: new Map(),
    byName: new Map(),
    byId: new Map(),
    liveBySegment: new Map(),
    liveByGroup: new Map(),
    liveBytes: 0,
  }
}

export function newPartition(topic: Topic, index: number, logStart = 0, nextOffset = 0): Partition {
  return {
    topic,
    index,
    logStart,
    highWatermark: nextOffset,
    nextOffset,
    batches: new BatchIndex(),
    producers: new Map(),
    watchers: new Set(),
  }
}

export function addTopic(state: BusState, topic: Topic): void {
  state.topics.set(topic.no, topic)
  state.byName.set(topic.name, topic)
  state.byId.set(topic.id, topic)
  state.nextTopicNo = Math.max(state.nextTopicNo, topic.no + 1)
  if (!state.liveByGroup.has(topic.group)) state.liveByGroup.set(topic.group, 0)
}

/** Forgets a topic and everything in it; those who wait for its records are told. */
export function dropTopic(state: BusState, topic: Topic): void {
  topic.deleted = true
  state.topics.delete(topic.no)
  if (state.byName.get(topic.name) === topic) state.byName.delete(topic.name)
  state.byId.delete(topic.id)
  for (const partition of topic.partitions) {
    while (partition.batches.length > 0) dropFirstBatch(state, partition)
    for (const watcher of partition.watchers) watcher.touched()
  }
  for (const other of state.topics.values()) if (other.group === topic.group) return
  state.liveByGroup.delete(topic.group)
}

const frameBytes = (batchBytes: number): number => batchBytes + BATCH_FRAME_HEAD

/** Counts a batch as live; `sign` -1 takes it back. */
export function countBatch(state: BusState, partition: Partition, segment: number, bytes: number, sign: 1 | -1): void {
  const change = frameBytes(bytes) * sign
  state.liveBySegment.set(segment, (state.liveBySegment.get(segment) ?? 0) + change)
  const group = partition.topic.group
  state.liveByGroup.set(group, (state.liveByGroup.get(group) ?? 0) + change)
  state.liveBytes += change
}

export function addBatch(state: BusState, partition: Partition, entry: BatchEntry): void {
  partition.batches.push(entry)
  countBatch(state, partition, entry.segment, entry.bytes, 1)
}

function dropFirstBatch(state: BusState, partition: Partition): void {
  countBatch(state, partition, partition.batches.segment(0), partition.batches.bytes(0), -1)
  partition.batches.dropFirst()
}

/** Moves a log's start forward; a batch goes when all of it lies below. */
export function raiseLogStart(state: BusState, partition: Partition, logStart: number): void {
  if (logStart <= partition.logStart) return
  partition.logStart = logStart
  while (partition.batches.length > 0 && partition.batches.lastOffset(0) < logStart) dropFirstBatch(state, partition)
}
