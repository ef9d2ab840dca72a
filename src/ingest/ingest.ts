import type { Admin, Reader } from '../bus/index.ts'
import type { Bindings } from '../registry/index.ts'
import { openBuffer, type IngestBuffer } from './buffer.ts'
import type { Membership } from './claims.ts'
import { openConsumer } from './consume.ts'
import { fetchLoop } from './fetching.ts'
import type { FlushParts } from './flush-parts.ts'
import { openFlushing } from './flushing.ts'
import { memberLoop, openMember } from './member.ts'
import { pause } from './patience.ts'
import type { AdoptTopic, FlushLake, FlushRecord } from './places.ts'
import { openResolver } from './resolve.ts'
import { forgetAll, forgetSource, openSources, type Sources } from './shares.ts'
import type { Tally } from './tally.ts'

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
  /** Since the fetch loop came round. */
  readonly sinceTickMs: number
}

export interface Ingest {
  facts(): IngestFacts
  readonly tally: Readonly<Tally>
  readonly sources: Sources
  readonly buffer: IngestBuffer
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
    onFenced: (fenced) => fenced.forEach((source) => forgetSource(sources, buffer, source)),
    onAway: () => {}, // the store announces it
    point: parts.point ?? (() => {}),
  }
  const flushing = openFlushing(flushParts, {
    timing: limits,
    maxRows: limits.flushMaxRows,
    capacityBytes: limits.bufferBytes,
  })
  const consumer = openConsumer({
    buffer,
    resolver: openResolver(parts.bindings),
    busTrusted: limits.busTrusted,
    judgeLimits: { maxEventBytes: limits.collectMaxEventBytes, maxDepth: limits.collectMaxDepth },
    parkedBytes,
  })
  const membership = memberLoop(
    { join: parts.join, sources, buffer, flushing: () => flushing, leaseSeconds: limits.leaseSeconds, random },
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
      startOver: async (source, offset) => member.membership?.rewind(source, offset),
      now,
      random,
      onPolled() {
        tickedAtMs = now()
        flushing.tick()
      },
    },
    fetching.signal,
  )
  const ticking = setInterval(() => flushing.tick(), TICK_MS)

  async function stop(drainMs: number): Promise<boolean> {
    const deadline = now() + drainMs
    fetching.abort()
    await reading
    flushing.hurry()
    while (!flushing.isDrained() && now() < deadline) {
      await pause(Math.min(10, Math.max(1, deadline - now())), flushingEnd.signal)
      flushing.tick()
    }
    clearInterval(ticking)
    const drained = flushing.isDrained()
    flushingEnd.abort(new Error('The worker stops.'))
    await Promise.race([flushing.idle(), pause(LEAVE_MS, AbortSignal.timeout(LEAVE_MS))])
    living.abort()
    await Promise.race([membership, pause(LEAVE_MS, AbortSignal.timeout(LEAVE_MS))])
    forgetAll(sources, buffer)
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
    }),
    tally: buffer.tally,
    sources,
    buffer,
    stop: (drainMs) => (stopping ??= stop(drainMs)),
  }
}
