import type { Binding } from '../registry/index.ts'
import type { DeadLetterReason } from '../event/index.ts'
import type { DeadLetter } from './dead-letters.ts'
import { NIL_DATASET, type SourceOffset } from './flush-commit.ts'
import { usualHeaders } from './headers.ts'
import type { Take } from './lane.ts'
import { RECORD_BYTES, writeRecord } from './ledger.ts'
import { lineStart, valueOf, type Segment } from './segment.ts'
import type { Source } from './sources.ts'

/** What becomes of a row. A duplicate within the flush can still take its twin's place; a known id cannot. */
const WRITE = 0
const DUPLICATE = 1
const KNOWN = 2
const REFUSED = 3

/** One dataset's part of a flush: its rows, and for each what becomes of it. */
export interface Draft {
  readonly taken: Take
  readonly states: Uint8Array
  /** Index of each segment's first row. */
  readonly bases: readonly number[]
  readonly letters: DeadLetter[]
  duplicates: number
  known: number
  refused: number
}

/** Takes up the records and drops, in memory, rows whose id another row of the flush already has. */
export function openDraft(taken: Take): Draft {
  const bases: number[] = []
  const letters: DeadLetter[] = []
  let rows = 0
  for (const segment of taken.segments) {
    bases.push(rows)
    rows += segment.ids.length
    for (const letter of segment.letters) letters.push(letter)
  }
  const states = new Uint8Array(rows)
  const seen = new Set<string>()
  let duplicates = 0
  let row = 0
  for (const segment of taken.segments) {
    for (const id of segment.ids) {
      seen.add(id)
      if (seen.size + duplicates === row) {
        states[row] = DUPLICATE
        duplicates += 1
      }
      row += 1
    }
  }
  return { taken, states, bases, letters, duplicates, known: 0, refused: 0 }
}

/** Whether a row with this state is written. */
export const isWritten = (state: number | undefined): boolean => state === WRITE

export const rowsOf = (draft: Draft): number => draft.states.length - draft.duplicates - draft.known - draft.refused

/** The ids of the rows that are written. */
export function idsOf(draft: Draft): string[] {
  const ids: string[] = []
  let row = 0
  for (const segment of draft.taken.segments) {
    for (const id of segment.ids) if (draft.states[row++] === WRITE) ids.push(id)
  }
  return ids
}

/** The records of the rows that are written, in step with `idsOf`, as the ledger takes them. */
export function recordsOf(draft: Draft): Buffer {
  const records = Buffer.allocUnsafe(rowsOf(draft) * RECORD_BYTES)
  let row = 0
  let at = 0
  for (const { source, offsets } of draft.taken.segments) {
    for (const offset of offsets) {
      if (draft.states[row++] !== WRITE) continue
      writeRecord(records, at, source.partition, offset)
      at += RECORD_BYTES
    }
  }
  return records
}

/** The ledger knows these ids: their rows are duplicates for good. Answers how many rows that were. */
export function dropKnown(draft: Draft, known: ReadonlySet<string>): number {
  let dropped = 0
  let row = 0
  for (const segment of draft.taken.segments) {
    for (const id of segment.ids) {
      const state = draft.states[row]
      if ((state === WRITE || state === DUPLICATE) && known.has(id)) {
        draft.states[row] = KNOWN
        if (state === DUPLICATE) draft.duplicates -= 1
        dropped += 1
      }
      row += 1
    }
  }
  draft.known += dropped
  return dropped
}

/** Rows of one schema version, written by one job. */
export interface Group {
  readonly binding: Binding
  readonly segments: readonly number[]
}

export function groupsOf(draft: Draft): Group[] {
  const groups = new Map<string, { binding: Binding; segments: number[] }>()
  draft.taken.segments.forEach((segment, index) => {
    if (segment.binding === undefined || segment.ids.length === 0) return
    const group = groups.get(segment.binding.schemaId)
    if (group === undefined) groups.set(segment.binding.schemaId, { binding: segment.binding, segments: [index] })
    else group.segments.push(index)
  })
  return [...groups.values()]
}

/** A row's place. Rows of a group are in the order of its segments, and within them of their rows. */
export interface RowAt {
  readonly segment: number
  readonly row: number
}

/** The group's rows that are written, as lines; the buffers are views, nothing is copied. */
export function linesOf(draft: Draft, group: Group): Uint8Array[] {
  const lines: Uint8Array[] = []
  for (const index of group.segments) {
    const segment = draft.taken.segments[index] as Segment
    const base = draft.bases[index] as number
    let start = -1
    for (let row = 0; row < segment.ids.length; row += 1) {
      const isWritten = draft.states[base + row] === WRITE
      if (isWritten && start < 0) start = lineStart(segment, row)
      if (!isWritten && start >= 0) {
        lines.push(segment.bytes.subarray(start, lineStart(segment, row)))
        start = -1
      }
    }
    if (start >= 0) lines.push(segment.bytes.subarray(start, segment.length))
  }
  return lines
}

/** How many of the group's rows are written. */
export function countOf(draft: Draft, group: Group): number {
  let rows = 0
  for (const index of group.segments) {
    const base = draft.bases[index] as number
    const end = base + (draft.taken.segments[index] as Segment).ids.length
    for (let row = base; row < end; row += 1) if (draft.states[row] === WRITE) rows += 1
  }
  return rows
}

/** Which rows the lines with these ascending numbers (0-based, as `linesOf` gave them) are. */
export function rowsAtLines(draft: Draft, group: Group, lines: readonly number[]): RowAt[] {
  const found: RowAt[] = []
  let line = 0
  for (const index of group.segments) {
    const base = draft.bases[index] as number
    const count = (draft.taken.segments[index] as Segment).ids.length
    for (let row = 0; row < count && found.length < lines.length; row += 1) {
      if (draft.states[base + row] !== WRITE) continue
      if (line === lines[found.length]) found.push({ segment: index, row })
      line += 1
    }
  }
  return found
}

/**
 * A row becomes a dead letter. A later row with the same id that was dropped as its duplicate takes
 * its place: a dead-lettered id is free for the corrected event.
 */
export function refuseRow(draft: Draft, at: RowAt, reason: DeadLetterReason, error: string): void {
  const segment = draft.taken.segments[at.segment] as Segment
  const index = (draft.bases[at.segment] as number) + at.row
  draft.states[index] = REFUSED
  draft.refused += 1
  draft.letters.push(letterOf(draft, segment, at.row, reason, error))
  const id = segment.ids[at.row]
  if (draft.duplicates === 0) return
  let row = 0
  for (const other of draft.taken.segments) {
    for (const otherId of other.ids) {
      if (otherId === id && draft.states[row] === DUPLICATE) {
        draft.states[row] = WRITE
        draft.duplicates -= 1
        return
      }
      row += 1
    }
  }
}

/** All rows that would be written become dead letters: their table cannot be used. */
export function giveUp(draft: Draft, error: string): void {
  // Duplicates of what is given up are given up too: they are events that somebody was told are accepted.
  draft.taken.segments.forEach((segment, index) => {
    for (let row = 0; row < segment.ids.length; row += 1) {
      const at = (draft.bases[index] as number) + row
      const state = draft.states[at]
      if (state !== WRITE && state !== DUPLICATE) continue
      if (state === DUPLICATE) draft.duplicates -= 1
      draft.states[at] = REFUSED
      draft.refused += 1
      draft.letters.push(letterOf(draft, segment, row, 'table_unavailable', error))
    }
  })
}

function letterOf(draft: Draft, segment: Segment, row: number, reason: DeadLetterReason, error: string): DeadLetter {
  const { source, binding } = segment
  const odd = segment.odd?.get(row)
  const id = segment.ids[row] as string
  const receivedAt = segment.receivedAts[row] as string
  const traceparent = segment.traceparents[row] as string
  const datasetId = draft.taken.lane.datasetId
  return {
    datasetId: datasetId === NIL_DATASET ? null : datasetId,
    topicId: source.topicId,
    topic: source.topic,
    partition: source.partition,
    offset: segment.offsets[row] as number,
    eventId: id,
    reason,
    pointer: '',
    error,
    key: odd?.key ?? Buffer.from(id, 'latin1'),
    value: odd?.value ?? Buffer.from(valueOf(segment, row)),
    headers: odd?.headers ?? usualHeaders(datasetId, binding?.schemaId ?? '', receivedAt, traceparent),
    traceparent,
    receivedAt,
  }
}

/** How far the dataset is settled once the take is: after its last record in each partition. */
export function settledBy(taken: Take): SourceOffset[] {
  const next = new Map<Source, number>()
  for (const segment of taken.segments) {
    next.set(segment.source, Math.max(segment.nextOffset, next.get(segment.source) ?? 0))
  }
  return [...next].map(([source, nextOffset]) => ({ topicId: source.topicId, partition: source.partition, nextOffset }))
}
