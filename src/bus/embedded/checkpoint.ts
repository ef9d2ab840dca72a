import { Buffer } from 'node:buffer'
import { addTopic, dropTopic, newPartition, raiseLogStart, type BusState, type Topic } from './topics.ts'

/** Raised when older code could not read what this code writes. */
export const JOURNAL_FORMAT = 1

type SavedProducer = readonly [id: number, epoch: number, lastTimestamp: number, batches: (readonly number[])[]]

interface SavedTopic {
  readonly no: number
  readonly id: string
  readonly name: string
  readonly configs: Readonly<Record<string, string>>
  /** [logStart, nextOffset] of each partition. */
  readonly partitions: (readonly [number, number])[]
  /** By partition; absent where there is none. */
  readonly producers?: Readonly<Record<string, SavedProducer[]>>
}

interface Checkpoint {
  readonly format: number
  readonly clusterId: string
  readonly nextTopicNo: number
  readonly nextProducerId: number
  readonly topics: SavedTopic[]
}

/** All of the state that is not records, as one frame's body. */
export function encodeCheckpoint(state: BusState): Buffer {
  const checkpoint: Checkpoint = {
    format: JOURNAL_FORMAT,
    clusterId: state.clusterId,
    nextTopicNo: state.nextTopicNo,
    nextProducerId: state.nextProducerId,
    topics: [...state.topics.values()].map(saveTopic),
  }
  return Buffer.from(JSON.stringify(checkpoint))
}

function saveTopic(topic: Topic): SavedTopic {
  const producers: Record<string, SavedProducer[]> = {}
  for (const partition of topic.partitions) {
    if (partition.producers.size === 0) continue
    producers[partition.index] = [...partition.producers].map(([id, known]) => [
      id,
      known.epoch,
      known.lastTimestamp,
      known.batches.map((batch) => [batch.firstSequence, batch.lastSequence, batch.baseOffset]),
    ])
  }
  return {
    no: topic.no,
    id: topic.id,
    name: topic.name,
    configs: topic.configs,
    partitions: topic.partitions.map((partition) => [partition.logStart, partition.nextOffset]),
    ...(Object.keys(producers).length > 0 ? { producers } : {}),
  }
}

/** The format of a checkpoint, read before anything else is believed. */
export function checkpointFormat(body: Buffer): number {
  return Number((JSON.parse(body.toString('utf8')) as Partial<Checkpoint>).format ?? 0)
}

/** Makes `state` what the checkpoint says; records that were found before it stay where their topic still is. */
export function applyCheckpoint(state: BusState, body: Buffer, groupOf: (topic: string) => string): void {
  const checkpoint = JSON.parse(body.toString('utf8')) as Checkpoint
  const kept = new Set(checkpoint.topics.map((topic) => topic.no))
  for (const topic of Array.from(state.topics.values())) if (!kept.has(topic.no)) dropTopic(state, topic)
  state.clusterId = checkpoint.clusterId
  for (const saved of checkpoint.topics) {
    let topic = state.topics.get(saved.no)
    if (topic === undefined) {
      topic = {
        no: saved.no,
        id: saved.id,
        name: saved.name,
        configs: saved.configs,
        partitions: [],
        group: groupOf(saved.name),
        durable: true,
        deleted: false,
      }
      addTopic(state, topic)
    }
    saved.partitions.forEach(([logStart, nextOffset], index) => {
      const partition = (topic.partitions[index] ??= newPartition(topic, index, logStart, nextOffset))
      partition.nextOffset = nextOffset
      partition.highWatermark = nextOffset
      raiseLogStart(state, partition, logStart)
      partition.producers.clear()
      for (const [id, epoch, lastTimestamp, batches] of saved.producers?.[index] ?? []) {
        partition.producers.set(id, {
          epoch,
          lastTimestamp,
          batches: batches.map(([firstSequence = 0, lastSequence = 0, baseOffset = 0]) => ({
            firstSequence,
            lastSequence,
            baseOffset,
          })),
        })
      }
    })
  }
  state.nextTopicNo = Math.max(state.nextTopicNo, checkpoint.nextTopicNo)
  state.nextProducerId = Math.max(state.nextProducerId, checkpoint.nextProducerId)
}
