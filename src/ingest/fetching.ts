import { setImmediate as yieldNow } from 'node:timers/promises'
import {
  BusUnreachable,
  type Admin,
  type FetchAnswer,
  type FetchedPartition,
  type FetchProblem,
  type Reader,
  type SourcePosition,
} from '../bus/index.ts'
import { announce } from '../telemetry/index.ts'
import { fetchBytes, FETCH_BYTES, roomFor } from './backpressure.ts'
import type { Membership, OwnedPartition } from './claims.ts'
import { consumeRun, type Consumer } from './consume.ts'
import { announceRun, type Counted } from './counted.ts'
import { tellDefect } from './defect.ts'
import type { FencedPartition } from './flush-commit.ts'
import { tenantBuffer } from './lane.ts'
import { announceLost, remedyFor } from './lost.ts'
import { backoffMs, isAway, pause } from './patience.ts'
import { openPauses } from './pauses.ts'
import type { AdoptTopic } from './places.ts'
import { forgetSource, type Sources } from './shares.ts'
import { openSource, sourceKey, type Source } from './sources.ts'

interface FetchParts {
  readonly reader: Reader
  readonly admin: Pick<Admin, 'offsets' | 'describeTopics'>
  readonly sources: Sources
  readonly consumer: Consumer
  readonly capacityBytes: number
  readonly adopt: AdoptTopic
  /** Notes leader epochs before their records are consumed; answers the keys of those noted (`Membership.noteEpochs`). */
  readonly noteEpochs: Membership['noteEpochs']
  /** Ends the claim of a partition whose log was cut back; answers it as claimed anew from the offset, if it is still ours. */
  readonly startOver: (source: FencedPartition, offset: number) => Promise<OwnedPartition | undefined>
  /** Not ours any more, and it was not given back. */
  readonly onLost: (source: Source) => void
  readonly now: () => number
  readonly random: () => number
  /** Told before every poll, so that what has become due is flushed. */
  readonly onPolled: () => void
  /** Told whenever the loop has come on, also between two partitions that each had to wait for Postgres. */
  readonly onTick: () => void
}

/** How long a poll waits for records: also the longest that a partition claimed meanwhile waits for its first. */
const WAIT_MS = 250
/** While some partition is held back by a full buffer: when to look again. */
const HELD_BACK_MS = 20

/** Reads what is owned until the signal comes. Never rejects; a bus that is away is waited for. */
export async function fetchLoop(parts: FetchParts, signal: AbortSignal): Promise<void> {
  let failures = 0
  let turn = 0
  const held = openPauses(parts.now)
  signal.addEventListener('abort', () => held.end(), { once: true })
  while (!signal.aborted) {
    const { positions, asked, heldBack, releasing } = positionsOf(parts, (turn += 1))
    parts.onTick()
    parts.onPolled()
    held.mark('buffer_full', heldBack)
    held.mark('release', releasing)
    held.mark('bus_away', failures > 0)
    if (positions.length === 0) {
      await pause(heldBack ? HELD_BACK_MS : WAIT_MS / 2, signal)
      continue
    }
    try {
      const maxWaitMs = heldBack ? HELD_BACK_MS : WAIT_MS
      const answer = await parts.reader.fetch(positions, { maxBytes: FETCH_BYTES, maxWaitMs, signal })
      if (failures > 0) announce('dependency.back', { dependency: 'kafka' })
      failures = 0
      held.mark('bus_away', false)
      await takeUp(parts, asked, answer)
    } catch (error) {
      if (signal.aborted) return
      if (failures === 0) tellFailure(error)
      held.mark('bus_away', true)
      await pause(backoffMs(failures, parts.random), signal)
      failures += 1
    }
    // A poll that was answered from what lay ready has not let anybody else run.
    await yieldNow()
  }
}

function tellFailure(error: unknown): void {
  announce('dependency.away', { dependency: 'kafka', detail: error instanceof Error ? error.message : String(error) })
  if (!(error instanceof BusUnreachable)) tellDefect('ingest.fetch', error)
}

/** Who was asked for, and from which offset. */
interface Asked {
  readonly source: Source
  readonly offset: number
}

/** What may be fetched now: owned, staying, and with room left in its tenant's part of the buffer. */
function positionsOf(
  parts: FetchParts,
  turn: number,
): { positions: SourcePosition[]; asked: Map<string, Asked>; heldBack: boolean; releasing: boolean } {
  const { buffer } = parts.consumer
  const nowMs = parts.now()
  const asked = new Map<string, Asked>()
  const promised = new Map<string, number>()
  let usedBytes = buffer.bytes
  const sources = [...parts.sources.byKey.values()]
  const busy = sources.reduce((count, source) => count + (source.busy ? 1 : 0), 0)
  const positions: SourcePosition[] = []
  let heldBack = false
  let releasing = false
  // Begins elsewhere each time: a broker fills its answer in the order asked.
  const start = sources.length === 0 ? 0 : turn % sources.length
  for (let i = 0; i < sources.length; i += 1) {
    const source = sources[(start + i) % sources.length] as Source
    releasing ||= source.leaving
    if (source.leaving || source.gone || source.retiring || source.retryAtMs > nowMs) continue
    const held = tenantBuffer(buffer, source.tenantId).bytes + (promised.get(source.tenantId) ?? 0)
    const left = roomFor(held, { capacityBytes: parts.capacityBytes, usedBytes })
    if (left <= 0) {
      heldBack = true
      continue
    }
    const maxBytes = fetchBytes(left, source.busy ? busy : busy + 1)
    // Those that had records last time will fill what they are given; the others mostly answer nothing.
    if (source.busy) {
      promised.set(source.tenantId, (promised.get(source.tenantId) ?? 0) + maxBytes)
      usedBytes += maxBytes
    }
    asked.set(sourceKey(source), { source, offset: source.position })
    positions.push({
      topicId: source.topicId,
      topic: source.topic,
      partition: source.partition,
      offset: source.position,
      epoch: source.epoch,
      maxBytes,
    })
  }
  return { positions, asked, heldBack, releasing }
}

/**
 * Takes up an answer for what it was asked for, and for nothing else. While it was under way a
 * partition may have been claimed anew, or a dataset that is back may have moved its position down: what
 * the answer holds then begins too late, and reading on behind it would leave records out for ever.
 */
async function takeUp(parts: FetchParts, asked: ReadonlyMap<string, Asked>, answer: FetchAnswer): Promise<void> {
  await noteEpochs(parts, asked, answer)
  for (const partition of answer.partitions) {
    const one = asked.get(sourceKey(partition))
    if (one !== undefined) await consumePartition(parts, one, partition)
  }
  for (const problem of answer.problems) {
    const one = asked.get(sourceKey(problem))
    if (one !== undefined && isAsked(one)) await meetProblem(parts, one.source, problem)
  }
}

/**
 * A partition's first records under another leader, which is rare. What cannot be noted now (Postgres is away, a commit holds the
 * row) is not consumed: it is fetched again.
 */
async function noteEpochs(parts: FetchParts, asked: ReadonlyMap<string, Asked>, answer: FetchAnswer): Promise<void> {
  const news: { source: Source; epoch: number }[] = []
  for (const partition of answer.partitions) {
    const source = asked.get(sourceKey(partition))?.source
    if (source !== undefined && partition.epoch > (source.epoch ?? -1)) news.push({ source, epoch: partition.epoch })
  }
  if (news.length === 0) return
  let noted: ReadonlySet<string> = new Set()
  try {
    noted = await parts.noteEpochs(
      news.map(({ source: { topicId, partition, generation }, epoch }) => ({ topicId, partition, generation, epoch })),
    )
  } catch (error) {
    if (!isAway(error)) tellDefect('ingest.epochs', error)
  }
  for (const { source, epoch } of news) {
    if (noted.has(sourceKey(source))) source.epoch = epoch
    else source.retryAtMs = parts.now() + backoffMs(1, parts.random)
  }
}

const isNoted = (source: Source, partition: FetchedPartition): boolean => partition.epoch <= (source.epoch ?? -1)

const isAsked = ({ source, offset }: Asked): boolean => !source.gone && source.position === offset

async function consumePartition(parts: FetchParts, asked: Asked, partition: FetchedPartition): Promise<void> {
  const { records } = partition
  const { source } = asked
  const { resolver, buffer } = parts.consumer
  if (!isAsked(asked) || !isNoted(source, partition)) return
  parts.onTick()
  source.refusedWithin = 0
  source.highWatermark = partition.highWatermark
  source.logStart = partition.logStart
  source.logEnd = partition.highWatermark
  source.unknownSinceMs = undefined
  // It was taken for deleted, and is not: a broker had not heard of it.
  source.lost = false
  source.busy = records.length > 0
  const counts = new Map<string, Counted>()
  let { offset } = asked
  let next = 0
  try {
    if (records.length > 0) await resolver.loadTenant(source.tenantId)
    parts.onTick()
    // After every wait: whoever moved the position meanwhile wants it read from there.
    while (next < records.length && isAsked({ source, offset })) {
      const run = consumeRun(parts.consumer, source, records, next, parts.now(), counts)
      next = run.next
      offset = source.position
      if (run.missing !== undefined) {
        announceRun(buffer, source, counts)
        await resolver.load(source.tenantId, run.missing.datasetId, run.missing.schemaId, parts.now())
      }
    }
    // Also past what holds no record for us: control batches, compacted offsets.
    if (next === records.length && isAsked({ source, offset })) {
      source.position = Math.max(source.position, partition.nextOffset)
    }
    if (source.position >= partition.highWatermark) source.behindSinceMs = undefined
  } catch (error) {
    // Nobody can say now whose the record is, or what it is: it stays where it is, unread, and holds up its partition only.
    source.retryAtMs = parts.now() + backoffMs(isAway(error) ? 2 : 6, parts.random)
    if (!isAway(error)) tellDefect('ingest.consume', error)
  } finally {
    announceRun(buffer, source, counts)
  }
}

/** Waiting does not mend a batch that nobody can decode: said once, because its partition stands still until somebody does. */
function tellUnreadable(source: Source, problem: FetchProblem): void {
  if (problem.code !== 'corrupt' || source.unreadableAt === source.position) return
  source.unreadableAt = source.position
  tellDefect('ingest.fetch', `${source.topic}/${source.partition} at offset ${source.position}: ${problem.detail}`)
}

async function meetProblem(parts: FetchParts, source: Source, problem: FetchProblem): Promise<void> {
  const nowMs = parts.now()
  source.busy = false
  source.retryAtMs = nowMs + backoffMs(source.lost ? 6 : 1, parts.random)
  if (problem.code === 'unknown_topic_id') source.unknownSinceMs ??= nowMs
  source.refusedWithin = problem.code === 'offset_out_of_range' ? source.refusedWithin + 1 : 0
  try {
    const remedy = await remedyFor(parts.admin, source, problem, nowMs - (source.unknownSinceMs ?? nowMs))
    if (remedy.kind === 'wait') return tellUnreadable(source, problem)
    if (remedy.kind === 'recreated') await parts.adopt(source.tenantId, remedy.topic)
    if (!source.lost) announceLost(source, remedy, parts.consumer.resolver.tenantSlug(source.tenantId))
    if (remedy.kind === 'move') {
      source.position = remedy.position
      source.retryAtMs = 0
    } else if (remedy.kind === 'cut_back') {
      const again = await parts.startOver(source, remedy.position)
      forgetSource(parts.sources, parts.consumer.buffer, source)
      if (again === undefined) parts.onLost(source)
      else parts.sources.byKey.set(sourceKey(again), openSource(again))
    } else {
      source.lost = true
      // What was read of it is flushed first; then nobody claims it any more.
      source.retiring = remedy.kind === 'recreated'
    }
  } catch (error) {
    // The bus or Postgres did not answer: the problem comes again with the next poll.
    source.retryAtMs = nowMs + backoffMs(4, parts.random)
    if (!isAway(error) && !(error instanceof BusUnreachable)) tellDefect('ingest.lost', error)
  }
}
