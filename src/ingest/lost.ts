import type { Admin, FetchProblem, TopicInfo } from '../bus/index.ts'
import { announce } from '../telemetry/index.ts'
import type { Source } from './sources.ts'

/** What to do with a partition that the bus does not answer for as expected. */
type Remedy =
  /** It passes: ask again. */
  | { readonly kind: 'wait' }
  /** Records are gone that nobody read: go on at `position`. */
  | { readonly kind: 'move'; readonly position: number; readonly missing: number; readonly detail: string }
  /** Offsets are given out a second time: everything from `position` on is judged again, under a new claim. */
  | { readonly kind: 'cut_back'; readonly position: number; readonly missing: number; readonly detail: string }
  /** The topic was made anew: another source, which begins at its own start. */
  | { readonly kind: 'recreated'; readonly topic: TopicInfo; readonly missing: number; readonly detail: string }
  | { readonly kind: 'deleted'; readonly missing: number; readonly detail: string }

/** How long an unknown topic is taken for a broker that has not heard of it yet. */
export const DOUBT_MS = 5_000
/** A leader that has just changed may not know its own log's end: refused so often, it is no passing thing. */
const REFUSALS = 5

/** Where reading goes on after `offset_out_of_range`, by what the log holds now. Pure. */
export function afterOutOfRange(source: Source, log: { readonly earliest: number; readonly latest: number }): Remedy {
  const { position } = source
  if (position < log.earliest) {
    const missing = log.earliest - position
    return {
      kind: 'move',
      position: log.earliest,
      missing,
      detail: `${missing} records from offset ${position} on were removed before they were read; reading goes on at ${log.earliest}. Raise the topic's retention.`,
    }
  }
  if (position > log.latest) {
    // The log was cut back or restored from a copy. What is settled there says nothing about what will stand there,
    // so everything is judged again; the ledger knows what is already in the lake.
    return {
      kind: 'cut_back',
      position: log.earliest,
      missing: position - log.latest,
      detail: `The log ends at ${log.latest}, before offset ${position}, which was read already: it was cut back. Everything from ${log.earliest} on is read again.`,
    }
  }
  // Within the log and refused all the same: no record of it has the epoch that was read last, or any later (Kafka says so by this code).
  if (source.epoch !== undefined && source.refusedWithin >= REFUSALS) {
    return {
      kind: 'cut_back',
      position: log.earliest,
      missing: 0,
      detail: `The log knows nothing of the leader epoch ${source.epoch}, which was read: it was put back from somewhere else. Everything from ${log.earliest} on is read again.`,
    }
  }
  return { kind: 'wait' }
}

/** The log lost its end and has grown since: by its offsets alone it would look whole. Pure. */
export function afterCutBack(source: Source, log: { readonly earliest: number }, divergesAt: number): Remedy {
  return {
    kind: 'cut_back',
    position: log.earliest,
    missing: Math.max(0, source.position - divergesAt),
    detail: `From offset ${divergesAt} on the log is not the one that was read up to ${source.position}: it was cut back and written on. Everything from ${log.earliest} on is read again.`,
  }
}

/** What an unknown topic id means, by what the bus says of the topic's name. Pure. */
export function afterUnknownTopic(source: Source, found: TopicInfo | undefined, unknownForMs: number): Remedy {
  const missing = Math.max(0, source.highWatermark - source.position, (source.logEnd ?? 0) - source.position)
  if (found !== undefined && found.topicId !== source.topicId) {
    return {
      kind: 'recreated',
      topic: found,
      missing,
      detail: `The topic was deleted and made again: ${source.topicId} is now ${found.topicId}. What it held beyond offset ${source.position} is gone.`,
    }
  }
  if (found === undefined && unknownForMs >= DOUBT_MS) {
    return {
      kind: 'deleted',
      missing,
      detail: `The topic does not exist any more. What it held beyond offset ${source.position} is gone.`,
    }
  }
  return { kind: 'wait' }
}

/** Looks at the bus and decides. Rejects with the bus's own faults. */
export async function remedyFor(
  admin: Pick<Admin, 'offsets' | 'describeTopics'>,
  source: Source,
  problem: FetchProblem,
  unknownForMs: number,
): Promise<Remedy> {
  if (problem.code === 'offset_out_of_range' || problem.code === 'cut_back') {
    const [log] = await admin.offsets([{ topic: source.topic, partition: source.partition }])
    if (log === undefined) return { kind: 'wait' }
    return problem.code === 'cut_back'
      ? afterCutBack(source, log, problem.divergesAt ?? 0)
      : afterOutOfRange(source, log)
  }
  if (problem.code === 'unknown_topic_id') {
    const [found] = await admin.describeTopics([source.topic])
    return afterUnknownTopic(source, found, unknownForMs)
  }
  return { kind: 'wait' }
}

/** Says by name what was lost: never silently skipped. */
export function announceLost(source: Source, remedy: Exclude<Remedy, { kind: 'wait' }>, tenant: string): void {
  announce('worker.source.lost', {
    tenant,
    topic: source.topic,
    partition: source.partition,
    reason: remedy.kind === 'move' || remedy.kind === 'cut_back' ? 'records_missing' : remedy.kind,
    detail: remedy.detail,
    missing: remedy.missing,
  })
}
