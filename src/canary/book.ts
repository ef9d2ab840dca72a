import { isDeepStrictEqual } from 'node:util'
import type { CanaryEvent } from './events.ts'

/** `late`: right, but only after the objective of freshness. */
export type Outcome = 'exactly_once' | 'missing' | 'duplicated' | 'corrupted' | 'late'
type Outcomes = Record<Outcome, number>

/** A round as it was sent. `sentMs` is on the monotonic clock, `startedAtMs` the same instant on the wall's. */
interface SentRound {
  readonly round: number
  readonly startedAtMs: number
  readonly sentMs: number
  /** How long the API took to answer. */
  readonly acceptedMs: number
  readonly span: { readonly traceId: string; readonly spanId: string; readonly sampled: boolean }
  /** Those that the API accepted: for the others nothing was promised. */
  readonly events: readonly CanaryEvent[]
}

/** What a preview showed. */
export interface Reading {
  readonly rows: readonly Readonly<Record<string, unknown>>[]
  /** Rows that were asked for: fewer came only where there are no more. */
  readonly limit: number
  /** By the wall clock of whoever committed the snapshot. */
  readonly committedAtMs: number | undefined
  /** What is not in an answer that was asked for then, was not there then. */
  readonly askedMs: number
  readonly answeredMs: number
}

export interface Findings {
  /** Rounds that this reading shows whole and right, for the first time. */
  readonly returned: readonly { readonly sent: SentRound; readonly committedMs: number; readonly previewedMs: number }[]
  /** Events whose outcome is final now. */
  readonly verified: readonly {
    readonly sent: SentRound
    readonly outcomes: Outcomes
    readonly detail: string | undefined
  }[]
  /** Events that were told as missing and are there after all. */
  readonly strayed: readonly { readonly sent: SentRound; readonly events: number; readonly afterMs: number }[]
  /** The reading did not go back to everything that is open: ask for more rows next time. */
  readonly isShort: boolean
}

export interface BookSettings {
  /** Later than this after the send is `late`. */
  readonly lateMs: number
  /** Not there in a reading that was asked for so long after the send is `missing`. */
  readonly missingMs: number
  /** A right event is looked at until so many further rounds have begun, because a duplicate may come later. */
  readonly watchRounds: number
  /** The most that a reading can be asked for. */
  readonly mostRows: number
  /** How long a missing event is still looked for. */
  readonly strayMs: number
}

export interface Book {
  /** Enters a round. */
  sent(round: SentRound): void
  /** A round has begun, whether its events were accepted or not. */
  begun(round: number): void
  /** Judges everything that is open by one reading. */
  read(reading: Reading): Findings
  /** Events without an outcome: sent = outcomes + pending, at every moment. */
  pending(): number
  /** Events that were told as missing, were not read since, and are still looked for. */
  missing(): number
  /** Whether an event was not seen yet. */
  isAwaiting(): boolean
  /** How many of the newest rows a reading must have to show every open event, if nobody else writes. */
  depth(): number
}

interface Entry {
  readonly event: CanaryEvent
  /** `seen` = right so far; `stray` = told as missing, still looked for; `right` and `wrong` = closed. */
  state: 'awaited' | 'seen' | 'stray' | 'right' | 'wrong'
  isLate: boolean
}
interface Open extends SentRound {
  readonly entries: readonly Entry[]
  /** Events sent in all rounds before. */
  readonly before: number
  isReturned: boolean
}

/**
 * The account of a canary. Pure: it sees what was sent and what was read, and gives each accepted event exactly one
 * outcome. Wrong is told at once, right only when nothing can come after it any more.
 */
export function openBook(settings: BookSettings): Book {
  const rounds = new Map<number, Open>()
  let newest = 0
  let total = 0

  const entriesOf = (wanted: (entry: Entry) => boolean): number =>
    [...rounds.values()].reduce((sum, { entries }) => sum + entries.filter(wanted).length, 0)

  return {
    sent(round) {
      newest = Math.max(newest, round.round)
      if (round.events.length === 0) return
      const entries = round.events.map((event): Entry => ({ event, state: 'awaited', isLate: false }))
      rounds.set(round.round, { ...round, entries, before: total, isReturned: false })
      total += entries.length
    },
    begun: (round) => void (newest = Math.max(newest, round)),
    read(reading) {
      const findings: {
        returned: Findings['returned'][number][]
        verified: Findings['verified'][number][]
        strayed: Findings['strayed'][number][]
      } = { returned: [], verified: [], strayed: [] }
      let isShort = false
      const shown = byId(reading.rows)
      for (const open of rounds.values()) {
        const seenMs = sinceSent(open, reading)
        const verdicts = judgeRound(open, shown, reading, seenMs, settings, newest)
        const afterMs = reading.answeredMs - open.sentMs
        if (verdicts.strayed > 0) findings.strayed.push({ sent: open, events: verdicts.strayed, afterMs })
        if (!open.isReturned && verdicts.isWhole) {
          open.isReturned = true
          findings.returned.push({ sent: open, committedMs: seenMs, previewedMs: afterMs })
        }
        const { outcomes, settled, detail } = verdicts
        if (settled > 0) findings.verified.push({ sent: open, outcomes, detail })
        if (open.entries.every(isClosed)) rounds.delete(open.round)
        isShort ||= open.entries.some((entry) => isPending(entry) && !reaches(reading, entry.event))
      }
      return { ...findings, isShort }
    },
    pending: () => entriesOf(isPending),
    missing: () => entriesOf(({ state }) => state === 'stray'),
    isAwaiting: () => entriesOf(({ state }) => state === 'awaited') > 0,
    depth() {
      const oldest = rounds.values().next().value // what is closed has left
      return oldest === undefined ? 0 : total - oldest.before
    },
  }
}

const isPending = ({ state }: Entry): boolean => state === 'awaited' || state === 'seen'
const isClosed = ({ state }: Entry): boolean => state === 'right' || state === 'wrong'

function byId(rows: Reading['rows']): Map<string, Reading['rows'][number][]> {
  const shown = new Map<string, Reading['rows'][number][]>()
  for (const row of rows) {
    const id = String(row['_event_id'])
    shown.set(id, [...(shown.get(id) ?? []), row])
  }
  return shown
}

/** From the send to the commit of what the reading shows, as far as that is known: two machines' clocks may differ. */
function sinceSent({ startedAtMs, sentMs }: SentRound, { committedAtMs, answeredMs }: Reading): number {
  const seen = answeredMs - sentMs
  return committedAtMs === undefined ? seen : Math.min(seen, Math.max(0, committedAtMs - startedAtMs))
}

interface RoundVerdicts {
  readonly outcomes: Outcomes
  readonly settled: number
  readonly detail: string | undefined
  readonly strayed: number
  readonly isWhole: boolean
}

function judgeRound(
  open: Open,
  shown: ReadonlyMap<string, Reading['rows']>,
  reading: Reading,
  seenMs: number,
  settings: BookSettings,
  newest: number,
): RoundVerdicts {
  const outcomes: Outcomes = { exactly_once: 0, missing: 0, duplicated: 0, corrupted: 0, late: 0 }
  const sinceAskedMs = reading.askedMs - open.sentMs
  const isOverdue = sinceAskedMs >= settings.missingMs
  let detail: string | undefined
  let strayed = 0
  for (const entry of open.entries) {
    if (isClosed(entry)) continue
    const rows = shown.get(entry.event.id) ?? []
    if (entry.state === 'stray') {
      if (rows.length > 0) strayed += 1
      if (rows.length > 0 || sinceAskedMs >= settings.strayMs) entry.state = 'wrong'
      continue
    }
    const wrong = faultOf(entry, rows, reading, isOverdue, settings.mostRows)
    if (wrong !== undefined) {
      outcomes[wrong.outcome] += 1
      entry.state = wrong.outcome === 'missing' ? 'stray' : 'wrong'
      detail ??= `Event ${entry.event.id} ${wrong.sentence}`
      continue
    }
    if (entry.state === 'awaited' && rows.length === 1) {
      entry.state = 'seen'
      entry.isLate = seenMs > settings.lateMs
    }
    // By a reading that goes back beyond it, unless none could any more: what it leaves out may be a second row of it.
    const isBeyond = reaches(reading, entry.event) || reading.limit >= settings.mostRows
    if (entry.state === 'seen' && isBeyond && newest - open.round >= settings.watchRounds) {
      const outcome = entry.isLate ? 'late' : 'exactly_once'
      outcomes[outcome] += 1
      entry.state = 'right'
      if (outcome === 'late')
        detail ??= `Event ${entry.event.id} was right, but later than ${settings.lateMs / 1000} s.`
    }
  }
  const settled = Object.values(outcomes).reduce((sum, count) => sum + count, 0)
  const isWhole = open.entries.every(({ state }) => state === 'seen' || state === 'right')
  return { outcomes, settled, detail, strayed, isWhole }
}

interface Fault {
  readonly outcome: 'missing' | 'duplicated' | 'corrupted'
  readonly sentence: string
}

/** What is wrong with an event by this reading; undefined where it is right, or may still come. */
function faultOf(
  entry: Entry,
  rows: Reading['rows'],
  reading: Reading,
  isOverdue: boolean,
  mostRows: number,
): Fault | undefined {
  if (rows.length > 1) return { outcome: 'duplicated', sentence: `is ${rows.length} rows.` }
  const [row] = rows
  if (row !== undefined) {
    const columns = differences(entry.event, row)
    return columns.length === 0
      ? undefined
      : { outcome: 'corrupted', sentence: `came back with another ${columns.join(', ')}.` }
  }
  const isShown = reaches(reading, entry.event)
  if (entry.state === 'seen') {
    return isShown ? { outcome: 'missing', sentence: 'was a row and is one no more.' } : undefined
  }
  // A reading that does not go back so far says nothing, unless no other could.
  if (!isOverdue || (!isShown && reading.limit < mostRows)) return undefined
  return {
    outcome: 'missing',
    sentence: isShown ? 'was accepted and is no row.' : 'was not found among the newest rows; others may hide it.',
  }
}

/** Whether the reading goes back as far as the event: one that does not says nothing about it. */
function reaches({ rows, limit }: Reading, { row }: CanaryEvent): boolean {
  return rows.length < limit || String(rows.at(-1)?.['timestamp']) < String(row['timestamp'])
}

/** The columns in which a row is not what was sent. */
export function differences({ row }: CanaryEvent, found: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(row).filter((column) => !isDeepStrictEqual(row[column], found[column]))
}
