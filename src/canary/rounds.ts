import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { mintTraceparent, type Clock } from '../event/index.ts'
import { announce } from '../telemetry/index.ts'
import { openBook, type Book, type BookSettings, type Findings } from './book.ts'
import { expecting, Hindrance, type Door } from './door.ts'
import { COLUMNS, eventAt, type CanaryEvent } from './events.ts'
import { findHome, type Home } from './home.ts'

interface RoundsParts {
  readonly door: Door
  readonly everyMs: number
  /** Events a round. */
  readonly events: number
  /** What ids and contents follow from. */
  readonly seed: string
  /** The wall's clock. */
  readonly clock: Clock
  /** The monotonic clock, in milliseconds. */
  readonly now: () => number
  readonly book?: Partial<BookSettings>
  /** Between two looks at first, and before the first of them; default 250 ms. */
  readonly pauseMs?: number
}

interface Rounds extends AsyncDisposable {
  /** Events that have no outcome yet. */
  pending(): number
  /** Events that were told as missing and are still looked for. */
  missing(): number
}

/** What one preview can show. */
const MOST_ROWS = 1_000
/** Late is later than the objective of freshness; missing is five times that, which a restart of everything does not take. */
const SETTINGS: BookSettings = {
  lateMs: 60_000,
  missingMs: 300_000,
  watchRounds: 4,
  mostRows: MOST_ROWS,
  strayMs: 3_600_000,
}
const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 2_000
const LONGEST_BACKOFF_MS = 10_000
/** Waits up to here are not worth a line: 3.75 s in all. */
const QUIET_BACKOFF_MS = 4_000
/** What the API says when the canary's home is not there any more: a new database, a dataset that was deleted. */
const GONE: ReadonlySet<string> = new Set(['tenant_unknown', 'unknown_dataset', 'not_found'])

/**
 * Sends a round of events every so often and reads them back, until disposed; never rejects. Whatever hinders it
 * (an API that is away, a tenant that is not there yet) is announced, and tried again. While it cannot look it judges
 * nothing: an event is missing only by an answer that does not show it.
 */
export function startRounds(parts: RoundsParts): Rounds {
  const stopping = new AbortController()
  // A round is watched only as long as a preview can show it beside those after it.
  const watchRounds = Math.min(SETTINGS.watchRounds, Math.floor(MOST_ROWS / parts.events) - 1)
  const book = openBook({ ...SETTINGS, watchRounds, ...parts.book })
  const done = run(parts, book, stopping.signal)
  return {
    pending: () => book.pending(),
    missing: () => book.missing(),
    async [Symbol.asyncDispose]() {
      stopping.abort()
      await done
    },
  }
}

async function run(parts: RoundsParts, book: Book, signal: AbortSignal): Promise<void> {
  const { everyMs, now, pauseMs: firstPauseMs = FIRST_PAUSE_MS } = parts
  const pause = (ms: number): Promise<unknown> => delay(Math.max(0, ms), undefined, { signal }).catch(() => {})
  const own = randomUUID()
  let home: Home | undefined
  let usualMs = 0 // what a round took to come back, lately: looking much earlier shows nothing
  let rowsEach = 1 // rows of all canaries for one of ours: others may write beside this one
  let backoffMs = firstPauseMs

  const unhindered = async <T>(act: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await act()
    } catch (error) {
      if (signal.aborted) return undefined
      const { code, message } = error instanceof Hindrance ? error : new Hindrance('defect', String(error))
      // An API that starts beside this process needs its moment.
      if (home !== undefined || backoffMs >= QUIET_BACKOFF_MS) announce('canary.hindered', { code, detail: message })
      if (GONE.has(code)) home = undefined
      return undefined
    }
  }

  for (let round = 1; !signal.aborted; round += 1) {
    const beganMs = now()
    home ??= await unhindered(() => arrive(parts, own))
    if (home === undefined) {
      await pause(backoffMs)
      backoffMs = Math.min(backoffMs * 2, LONGEST_BACKOFF_MS)
      continue
    }
    backoffMs = firstPauseMs
    const { tenantId, dataset } = home
    await unhindered(() => send(parts, book, { tenantId, dataset }, round))
    // Looked at once at least, for what is still open from before.
    for (let looks = 0, pauseMs = usualMs * 0.9; !signal.aborted && home !== undefined; looks += 1) {
      const leftMs = beganMs + everyMs - now()
      if (looks > 0 && (leftMs <= 0 || !book.isAwaiting())) break
      await pause(Math.max(firstPauseMs, Math.min(pauseMs, leftMs)))
      if (signal.aborted) break
      const findings = await unhindered(() => look(parts, book, { tenantId, dataset }, rowsEach))
      if (findings !== undefined) {
        tell(findings)
        if (findings.isShort) rowsEach = Math.min(rowsEach * 2, MOST_ROWS)
      }
      const took = findings?.returned.map(({ previewedMs }) => previewedMs) ?? []
      if (took.length > 0) usualMs = Math.max(...took)
      pauseMs = looks === 0 ? firstPauseMs : Math.min(pauseMs * 1.5, LONGEST_PAUSE_MS)
    }
    await pause(beganMs + everyMs - now())
  }
}

async function arrive({ door, everyMs, events }: RoundsParts, own: string): Promise<Home> {
  const home = await findHome(door, own)
  announce('canary.started', { dataset: home.dataset, everySeconds: everyMs / 1000, events })
  return home
}

/** Sends a round and enters what the API accepted of it. Rejects with `Hindrance` where that is not all of it. */
async function send(parts: RoundsParts, book: Book, home: Home, round: number): Promise<void> {
  const { clock, door, now, seed } = parts
  book.begun(round)
  if (book.pending() + parts.events > MOST_ROWS)
    throw new Hindrance('unread', `${book.pending()} events were sent and cannot be read back: none is added to them.`)
  const startedAtMs = clock.now()
  const sentMs = now()
  const { traceId, spanId, sampled, header } = mintTraceparent(true)
  const events = Array.from({ length: parts.events }, (_, position) =>
    eventAt({ seed, round, position, startedAtMs }, home.dataset),
  )
  let accepted: readonly CanaryEvent[] = []
  try {
    const lines = events.map(({ line }) => line)
    const answer = await door.ask('POST', '/v1/collect', { tenantId: home.tenantId, lines, traceparent: header })
    accepted = acceptedOf(events, answer.body)
    if (accepted.length < events.length) throw shortfall(events.length - accepted.length, () => expecting(answer, 202))
  } finally {
    const tookMs = now() - sentMs
    book.sent({
      round,
      startedAtMs,
      sentMs,
      acceptedMs: tookMs,
      span: { traceId, spanId, sampled },
      events: accepted,
    })
    announce('canary.sent', { round, events: events.length, accepted: accepted.length, tookMs, traceId })
  }
}

/** The API's own words for events that it did not accept, where it has some. */
function shortfall(refused: number, ask: () => unknown): Hindrance {
  try {
    ask()
  } catch (error) {
    if (error instanceof Hindrance) return error
  }
  return new Hindrance('refused', `The API did not accept ${refused} events.`)
}

/** The events that the answer's verdicts call accepted. */
function acceptedOf(events: readonly CanaryEvent[], body: Readonly<Record<string, unknown>>): CanaryEvent[] {
  const results = Array.isArray(body['results']) ? (body['results'] as { status?: unknown; event_id?: unknown }[]) : []
  const accepted = new Set(results.filter(({ status }) => status === 'accepted').map(({ event_id: id }) => id))
  return events.filter(({ id }) => accepted.has(id))
}

/** Reads the newest rows and judges by them. */
async function look({ door, events, now }: RoundsParts, book: Book, home: Home, rowsEach: number): Promise<Shown> {
  const limit = Math.min(MOST_ROWS, (book.depth() + events) * rowsEach)
  const path = `/v1/datasets/${home.dataset}/preview?int64=string&limit=${limit}&columns=${COLUMNS.join(',')}`
  const askedMs = now()
  const answer = expecting(await door.ask('GET', path, { tenantId: home.tenantId }), 200)
  const { committed_at: committedAt, snapshot_id: snapshotId, rows } = answer
  const findings = book.read({
    rows: Array.isArray(rows) ? (rows as Record<string, unknown>[]) : [],
    limit,
    committedAtMs: typeof committedAt === 'string' ? Date.parse(committedAt) : undefined,
    askedMs,
    answeredMs: now(),
  })
  return { ...findings, snapshotId: String(snapshotId) }
}
type Shown = Findings & { readonly snapshotId: string }

function tell({ returned, verified, strayed, snapshotId }: Shown): void {
  for (const { sent, committedMs, previewedMs } of returned) {
    const { round, events, acceptedMs, startedAtMs, span } = sent
    announce('canary.returned', {
      round,
      events: events.length,
      acceptedMs,
      committedMs,
      previewedMs,
      snapshotId,
      startedAtMs,
      span,
    })
  }
  for (const { sent, outcomes, detail } of verified)
    announce('canary.verified', { round: sent.round, outcomes, detail, traceId: sent.span.traceId })
  for (const { sent, events, afterMs } of strayed)
    announce('canary.strayed', { round: sent.round, events, afterMs, traceId: sent.span.traceId })
}
