import { BusRefused, BusUnreachable, type Admin } from '../bus/index.ts'
import { noteEnd } from './lag.ts'
import { isAway, pause } from './patience.ts'
import type { Source } from './sources.ts'

interface EndsParts {
  readonly admin: Pick<Admin, 'offsets'>
  readonly sources: () => Iterable<Source>
  /** Milliseconds since 1970. */
  readonly clock: () => number
  /** What nobody foresaw. */
  readonly onDefect: (error: unknown) => void
  /** More is on the bus than was read: whose it is should be known, also where nothing of it can be read. May reject while Postgres is away. */
  readonly onBehind: (source: Source) => Promise<void>
}

/** Partitions of one question to the bus. */
const AT_ONCE = 500
const EVERY_MS = 1_000
/** Two thousand partitions are looked at every five seconds, a few every second: about as much work for the bus either way. */
const PER_PARTITION_MS = 2

/**
 * Asks the bus where the logs of the present partitions begin and end, until the signal comes: what is read says so only
 * of partitions that are being read and have records, and lag and watermark are about the others too. A bus that is away
 * is asked again later; what is known stays, and whoever watches the bus says so.
 */
export async function endsLoop(parts: EndsParts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    let asked = 0
    try {
      asked = await lookAtEnds(parts, signal)
      for (const source of parts.sources()) if ((source.logEnd ?? 0) > source.position) await parts.onBehind(source)
    } catch (error) {
      // Refused: a topic went while it was asked about.
      if (!(error instanceof BusUnreachable || error instanceof BusRefused || isAway(error))) parts.onDefect(error)
    }
    await pause(EVERY_MS + asked * PER_PARTITION_MS, signal)
  }
}

/** One look at all of them; answers how many. Rejects with the bus's faults. */
export async function lookAtEnds(
  parts: Omit<EndsParts, 'onDefect' | 'onBehind'>,
  signal?: AbortSignal,
): Promise<number> {
  // The bus refuses a question about a topic that is gone: of those the reading finds out, and says it.
  const there = [...parts.sources()].filter((one) => !one.lost && !one.retiring && one.unknownSinceMs === undefined)
  for (let at = 0; at < there.length && signal?.aborted !== true; at += AT_ONCE) {
    const some = there.slice(at, at + AT_ONCE)
    const atMs = parts.clock()
    const ends = new Map(
      (await parts.admin.offsets(some.map(({ topic, partition }) => ({ topic, partition })))).map((end) => [
        `${end.topic}/${end.partition}`,
        end,
      ]),
    )
    for (const source of some) {
      const end = ends.get(`${source.topic}/${source.partition}`)
      // Under its name there may be another topic by now: of that the reading finds out.
      if (end?.topicId === source.topicId && !source.gone) noteEnd(source, end, atMs)
    }
  }
  return there.length
}
