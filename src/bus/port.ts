/**
 * The bus as Pulse needs it: the only words that other rooms may use. One implementation
 * (`client.ts`, over one Kafka client) talks to Apache Kafka, Redpanda and the embedded bus alike.
 * Offsets are JavaScript numbers: exact up to 2^53, checked where they come in.
 */

export interface TopicInfo {
  readonly name: string
  /** Kafka's topic id, as UUID text with hyphens: a re-created topic has another one. */
  readonly topicId: string
  readonly partitions: number
}

/** Headers encoded once and shared by every record that carries them (a request's events do). */
export interface PreparedHeaders {
  readonly entries: ReadonlyArray<readonly [Buffer, Buffer]>
  /** The bus's own: what they are on the wire, kept here at their first use. */
  encoded?: Buffer
}

export interface OutgoingRecord {
  readonly topic: string
  /** Chosen by the murmur2 hash of the key where absent, as every Kafka client does. */
  readonly partition?: number
  readonly key: Buffer
  readonly value: Buffer
  readonly headers: PreparedHeaders
}

export type PublishFailureCode = 'timeout' | 'too_large' | 'unknown_topic' | 'storage' | 'refused' | 'unreachable'
export interface PublishFailure {
  readonly code: PublishFailureCode
  readonly detail: string
}
/** `null` = acknowledged by all in-sync replicas. */
export type PublishVerdict = PublishFailure | null

export interface Publisher extends AsyncDisposable {
  /**
   * Publishes and waits for the acknowledgements, bounded by the publish timeout. Never rejects
   * for a bus fault: one verdict per record, in order; one missing topic harms no other record.
   */
  publish(records: readonly OutgoingRecord[]): Promise<readonly PublishVerdict[]>
  /**
   * Records accepted by `publish` that have no verdict yet, and their bytes (for shedding); how long ago the oldest of them
   * came, undefined where there is none.
   */
  readonly pending: { readonly records: number; readonly bytes: number; readonly oldestAgoMs: number | undefined }
}

export interface SourcePosition {
  readonly topicId: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** At least the leader epoch of the record before `offset`, and one that was read; undefined where nobody knows it. */
  readonly epoch?: number | undefined
  /** The most bytes this partition may answer with in one fetch. */
  readonly maxBytes?: number
}

export interface FetchedRecord {
  readonly offset: number
  readonly timestampMs: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: ReadonlyArray<readonly [Buffer, Buffer]>
}

export interface FetchedPartition {
  readonly topicId: string
  readonly topic: string
  readonly partition: number
  readonly records: readonly FetchedRecord[]
  /** Where the next fetch starts: after the last record, or after skipped control batches. */
  readonly nextOffset: number
  readonly highWatermark: number
  readonly logStart: number
  /** The leader epoch of the last batch (KIP-101): it grows with every leader, and a record keeps its own. */
  readonly epoch: number
}

/** `cut_back`: the log holds other records below `offset` than those of the epoch that was asked with. */
export type FetchProblemCode = 'offset_out_of_range' | 'cut_back' | 'unknown_topic_id' | 'unavailable' | 'corrupt'
export interface FetchProblem {
  readonly topicId: string
  readonly topic: string
  readonly partition: number
  readonly code: FetchProblemCode
  readonly detail: string
  /** With `cut_back`: up to here the log is what it was. */
  readonly divergesAt?: number
}

export interface FetchAnswer {
  readonly partitions: readonly FetchedPartition[]
  readonly problems: readonly FetchProblem[]
}

export interface Reader extends AsyncDisposable {
  /**
   * One poll of the given positions, without a consumer group. Answers when anything arrived or
   * after `maxWaitMs`. Rejects only when no broker can be reached at all (`BusUnreachable`).
   */
  fetch(
    positions: readonly SourcePosition[],
    options: { maxBytes: number; maxWaitMs: number; signal?: AbortSignal },
  ): Promise<FetchAnswer>
}

export interface PartitionOffsets {
  /** Of the topic that has the name now. */
  readonly topicId: string
  readonly topic: string
  readonly partition: number
  readonly earliest: number
  readonly latest: number
}

export interface Admin extends AsyncDisposable {
  /** Creates what is missing and answers all, in order. Safe to call again, concurrently too. */
  ensureTopics(
    topics: ReadonlyArray<{ name: string; partitions: number; configs?: Readonly<Record<string, string>> }>,
  ): Promise<readonly TopicInfo[]>
  /** Only the topics that exist. */
  describeTopics(names: readonly string[]): Promise<readonly TopicInfo[]>
  /**
   * Where logs begin and end. Without those whose leader does not say so within seconds: one broker that is away hides nothing of
   * the others. Rejects where none answers, and with `BusRefused` for a partition that does not exist.
   */
  offsets(of: ReadonlyArray<{ topic: string; partition: number }>): Promise<readonly PartitionOffsets[]>
  /** Removes records below `beforeOffset`. What is already gone is no error. */
  deleteRecords(of: ReadonlyArray<{ topic: string; partition: number; beforeOffset: number }>): Promise<void>
  deleteTopics(names: readonly string[]): Promise<void>
}

export interface BusSettings {
  /** host:port, one or more. */
  readonly brokers: readonly string[]
  readonly clientId: string
  readonly publishTimeoutMs: number
  readonly topicReplication?: number
  readonly topicMinInsync?: number
  readonly tls?: {
    readonly caFile?: string
    readonly certFile?: string
    readonly keyFile?: string
    readonly rejectUnauthorized?: boolean
  }
  readonly sasl?: {
    readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
    readonly username: string
    readonly password: string
  }
}

export interface Bus extends AsyncDisposable {
  publisher(): Publisher
  reader(): Reader
  readonly admin: Admin
  /** Resolves when a broker answered; rejects after `timeoutMs`. */
  ping(timeoutMs: number): Promise<void>
}

/** No broker answered within the bound. May pass: try again later. */
export class BusUnreachable extends Error {
  override readonly name = 'BusUnreachable'
}

/** A broker answered, and the answer is no (a name, a setting, a right): trying again would not help. */
export class BusRefused extends Error {
  override readonly name = 'BusRefused'
}
