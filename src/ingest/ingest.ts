import type { Admin, Reader } from '../bus/index.ts'
import type { Bindings } from '../registry/index.ts'
import { systemClock } from '../event/index.ts'
import { announce, openAllowance } from '../telemetry/index.ts'
import type { Membership } from './claims.ts'
import { openConsumer } from './consume.ts'
import { tellDefect } from './defect.ts'
import { endsLoop } from './ends.ts'
import { fetchLoop } from './fetching.ts'
import type { FlushParts } from './flush-parts.ts'
import { openFlushing } from './flushing.ts'
import { openBuffer, type IngestBuffer } from './lane.ts'
import { memberLoop, openMember } from './member.ts'
import { pause } from './patience.ts'
import type { AdoptTopic, FlushLake, FlushRecord } from './places.ts'
import { openResolver } from './resolve.ts'
import { forgetAll, forgetSource, openSources, tellMoves, type Sources } from './shares.ts'
import type { Source } from './sources.ts'
import type { Tally } from './tally.ts'
import { openWindow, type Window } from './window.ts'

export interface IngestLimits {
  readonly flushSeconds: number
  readonly flushRows: number
  readonly flushMaxRows: number
  readonly flushMaxFiles: number
  readonly bufferBytes: number
  readonly commitsPerSecond: number
  readonly parkSeconds: number
  readonly readerGraceSeconds: number
  readonly leaseSeconds: number
  readonly busTrusted: boolean
  readonly collectMaxEventBytes: number
  readonly collectMaxDepth: number
  /** Flushes whose trace is kept although nothing that they carry is; as many failed ones again. */
  readonly tracesPerSecond: number
}

export interface IngestParts {
  readonly join: () => Promise<Membership>
  readonly reader: Reader
  readonly admin: Pick<Admin, 'offsets' | 'describeTopics'>
  readonly bindings: Pick<Bindings, 'byId' | 'tenant'>
  readonly lake: FlushLake
  readonly record: FlushRecord
  readonly adopt: AdoptTopic
  readonly limits: IngestLimits
  /** Milliseconds that never step back; only differences count. */
  readonly now?: () => number
  readonly random?: () => number
  /** Fault injection: called between any two steps of a flush. */
  readonly point?: (name: string) => void | Promise<void>
}

/** What health and metrics ask. */
interface IngestFacts {
  readonly worker: string
  /** Partitions that are read now. */
  readonly owned: number
  readonly members: number
  /** A share was claimed at least once. */
  readonly shared: boolean
  /** Since the fetch loop came round, and since the flushing did. */
  readonly sinceTickMs: number
  readonly sinceFlushTickMs: number
  /** Since the partitions to share were last looked at; undefined before the first time. */
  readonly sinceSharedMs: number | undefined
}

export interface Ingest {
  facts(): IngestFacts
  readonly tally: Readonly<Tally>
  readonly sources: Sources
  readonly buffer: IngestBuffer
  readonly window: Window
  /**
   * Stops reading, flushes what is buffered within `drainMs`, gives everything back and leaves.
   * Answers whether everything was flushed: what was not is read again by its next owner.
   */
  stop(drainMs: number): Promise<boolean>
}

const TICK_MS = 50
const LEAVE_MS = 700

/** Starts carrying records from the bus to the lake, until `stop`. */
export function startIngest(parts: IngestParts): Ingest {
  const { limits, now = () => performance.now(), random = Math.random } = parts
  const buffer = openBuffer(limits.flushMaxRows)
  const sources = openSources()
  const member = openMember()
  const parkedBytes = Math.max(1 << 20, Math.floor(limits.bufferBytes / 16))
  const [fetching, living, flushingEnd] = [new AbortController(), new AbortController(), new AbortController()]
  let tickedAtMs = now()
  let flushTickedAtMs = now()
  const resolver = openResolver(parts.bindings)
  const window = openWindow({ buffer, sources: () => sources.byKey.values(), tenantSlug: resolver.tenantSlug })
  const onLost = (lost: readonly Source[]): void =>
    tellMoves(sources, { worker: member.worker, members: member.members, lost })

  const flushParts: FlushParts = {
    buffer,
    lake: parts.lake,
    record: parts.record,
    worker: () => member.worker,
    limits: {
      maxOpenFiles: limits.flushMaxFiles,
      parkSeconds: limits.parkSeconds,
      parkedBytes,
      graceSeconds: limits.readerGraceSeconds,
    },
    now,
    random,
    signal: flushingEnd.signal,
    keepFlush: openAllowance(limits.tracesPerSecond, now),
    keepFailed: openAllowance(limits.tracesPerSecond, now),
    watermarkOf: window.watermarkOf,
    onTick: () => void (flushTickedAtMs = now()),
    onFenced: (fenced) => onLost(fenced.filter((source) => forgetSource(sources, buffer, source))),
    onAway: () => {}, // whoever watches Postgres announces it
    point: parts.point ?? (() => {}),
  }
  const flushing = openFlushing(flushParts, {
    timing: limits,
    maxRows: limits.flushMaxRows,
    capacityBytes: limits.bufferBytes,
  })
  const consumer = openConsumer({
    buffer,
    resolver,
    busTrusted: limits.busTrusted,
    judgeLimits: { maxEventBytes: limits.collectMaxEventBytes, maxDepth: limits.collectMaxDepth },
    parkedBytes,
  })
  const membership = memberLoop(
    { join: parts.join, sources, buffer, flushing: () => flushing, leaseSeconds: limits.leaseSeconds, now, random },
    member,
    living.signal,
  )
  const reading = fetchLoop(
    {
      reader: parts.reader,
      admin: parts.admin,
      sources,
      consumer,
      capacityBytes: limits.bufferBytes,
      adopt: parts.adopt,
      noteEpochs: async (of) => (await member.membership?.noteEpochs(of)) ?? new Set(),
      startOver: async (source, offset) => member.membership?.rewind(source, offset),
      now,
      random,
      onLost: (source) => onLost([source]),
      onTick: () => void (tickedAtMs = now()),
      onPolled: () => flushing.tick(),
    },
    fetching.signal,
  )
  const looking = endsLoop(
    {
      admin: parts.admin,
      sources: () => sources.byKey.values(),
      clock: systemClock.now,
      onDefect: (error) => tellDefect('ingest.ends', error),
      onBehind: (source) => resolver.loadTenant(source.tenantId),
    },
    fetching.signal,
  )
  const ticking = setInterval(() => flushing.tick(), TICK_MS)

  async function stop(drainMs: number): Promise<boolean> {
    const startedAt = now()
    const deadline = startedAt + drainMs
    const partitions = sources.byKey.size
    fetching.abort()
    await reading
    flushing.hurry()
    while (!flushing.isDrained() && now() < deadline) {
      await pause(Math.min(10, Math.max(1, deadline - now())), flushingEnd.signal)
      flushing.tick()
    }
    clearInterval(ticking)
    const drained = flushing.isDrained()
    if (partitions > 0) announce('worker.share.drained', { cause: 'shutdown', partitions, tookMs: now() - startedAt })
    flushingEnd.abort(new Error('The worker stops.'))
    await Promise.race([flushing.idle(), pause(LEAVE_MS, AbortSignal.timeout(LEAVE_MS))])
    living.abort()
    await Promise.race([membership, pause(LEAVE_MS, AbortSignal.timeout(LEAVE_MS))])
    const released = forgetAll(sources, buffer)
    tellMoves(sources, { worker: member.worker, members: member.members, released })
    await Promise.race([looking, pause(LEAVE_MS, AbortSignal.timeout(LEAVE_MS))])
    // Where Postgres does not answer, the lease ends by itself.
    await Promise.race([
      member.membership?.leave().catch(() => undefined),
      pause(LEAVE_MS, AbortSignal.timeout(LEAVE_MS)),
    ])
    return drained
  }
  let stopping: Promise<boolean> | undefined

  return {
    facts: () => ({
      worker: member.worker,
      owned: sources.byKey.size,
      members: member.members,
      shared: member.shared,
      sinceTickMs: now() - tickedAtMs,
      sinceFlushTickMs: now() - flushTickedAtMs,
      sinceSharedMs: member.sharedAtMs === undefined ? undefined : now() - member.sharedAtMs,
    }),
    tally: buffer.tally,
    sources,
    buffer,
    window,
    stop: (drainMs) => (stopping ??= stop(drainMs)),
  }
}
