import { Buffer } from 'node:buffer'
import { KIND, type Kind } from './frames.ts'
import { addTopic, dropTopic, newPartition, raiseLogStart, type BusState, type Topic } from './topics.ts'

/** What a frame without records says: the same function applies it when it is written and when it is read again. */
export type Change =
  | {
      readonly kind: typeof KIND.topicCreated
      readonly no: number
      readonly id: string
      readonly name: string
      readonly partitions: number
      readonly configs: Readonly<Record<string, string>>
    }
  | { readonly kind: typeof KIND.topicDeleted; readonly no: number }
  | { readonly kind: typeof KIND.partitionsAdded; readonly no: number; readonly partitions: number }
  /** [topic number, partition, log start] */
  | { readonly kind: typeof KIND.logStart; readonly starts: (readonly [number, number, number])[] }
  /** All producer ids below are given away. */
  | { readonly kind: typeof KIND.producerIds; readonly below: number }

export function encodeChange(change: Change): Buffer {
  const { kind: _, ...body } = change
  return Buffer.from(JSON.stringify(body))
}

/** Applies a change read from the journal. */
export function applyChange(state: BusState, kind: Kind, body: Buffer, groupOf: (topic: string) => string): void {
  const change = { ...(JSON.parse(body.toString('utf8')) as object), kind } as Change
  if (change.kind === KIND.topicCreated) {
    makeTopic(state, change, groupOf(change.name)).durable = true
    return
  }
  if (change.kind === KIND.producerIds) {
    state.nextProducerId = Math.max(state.nextProducerId, change.below)
    return
  }
  if (change.kind === KIND.logStart) {
    for (const [no, index, logStart] of change.starts) {
      const partition = state.topics.get(no)?.partitions[index]
      if (partition !== undefined) raiseLogStart(state, partition, logStart)
    }
    return
  }
  const topic = state.topics.get(change.no)
  if (topic === undefined) return
  if (change.kind === KIND.topicDeleted) dropTopic(state, topic)
  else growTopic(topic, change.partitions)
}

/** Adds the topic, not durable yet: invisible until its frame has landed. */
export function makeTopic(
  state: BusState,
  change: Extract<Change, { kind: typeof KIND.topicCreated }>,
  group: string,
): Topic {
  const topic: Topic = {
    no: change.no,
    id: change.id,
    name: change.name,
    configs: change.configs,
    partitions: [],
    group,
    durable: false,
    deleted: false,
  }
  growTopic(topic, change.partitions)
  addTopic(state, topic)
  return topic
}

export function growTopic(topic: Topic, partitions: number): void {
  while (topic.partitions.length < partitions) {
    topic.partitions.push(newPartition(topic, topic.partitions.length))
  }
}
