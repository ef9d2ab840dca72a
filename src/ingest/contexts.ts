import { parseTraceparent, type DeadLetterReason } from '../event/index.ts'
import type { CarriedContext } from '../telemetry/index.ts'
import type { Draft } from './draft.ts'

/** A sampled context as a segment remembers it: when and where its first record was read. */
export interface Carried {
  readonly consumedAtMs: number
  readonly firstOffset: number
  records: number
}

/**
 * Of a segment, and of a flush's dataset: what is beyond is counted and not told. 20 sampled requests a second, all of one
 * dataset that is flushed every 30 s, are 600.
 */
const MOST_OF_SEGMENT = 1_024
const MOST_OF_FLUSH = 1_024

const HEADER_LENGTH = 55
const ZERO = 48
const NINE = 57

/**
 * Whether a `traceparent` says that its trace is kept: the lowest bit of its flags. Of those that are not, which are nearly
 * all, one character is looked at; of the others everything, because whoever may write to the bus may have written them, and
 * they become exemplars.
 */
export function isSampled(traceparent: string): boolean {
  if (traceparent.length !== HEADER_LENGTH) return false
  const code = traceparent.charCodeAt(HEADER_LENGTH - 1)
  // '0' to '9' are even and odd as their codes are; 'a' is ten, and odd as a code.
  const isOdd = ((code <= NINE && code >= ZERO ? code : code + 1) & 1) === 1
  return isOdd && parseTraceparent(traceparent) !== undefined
}

/** Notes a record of a sampled context. Called for sampled ones only. */
export function carry(
  segment: { contexts: Map<string, Carried> | undefined; contextsLeftOut: number },
  traceparent: string,
  offset: number,
  atMs: number,
): void {
  segment.contexts ??= new Map()
  const known = segment.contexts.get(traceparent)
  if (known !== undefined) known.records += 1
  else if (segment.contexts.size < MOST_OF_SEGMENT)
    segment.contexts.set(traceparent, { consumedAtMs: atMs, firstOffset: offset, records: 1 })
  else segment.contextsLeftOut += 1
}

/** The sampled contexts that a dataset's part of a flush carried, those with dead letters first; at most as many as are worth a span. */
export function contextsOf(draft: Draft): { contexts: CarriedContext[]; leftOut: number } {
  const found = new Map<string, CarriedContext & { records: number; deadLetters: number }>()
  let leftOut = 0
  for (const { contexts, contextsLeftOut, source } of draft.taken.segments) {
    leftOut += contextsLeftOut
    for (const [traceparent, { consumedAtMs, firstOffset, records }] of contexts ?? []) {
      const known = found.get(traceparent)
      if (known !== undefined) {
        known.records += records
        continue
      }
      const { topic, partition } = source
      const blank = { deadLetters: 0, reason: undefined }
      found.set(traceparent, { traceparent, records, ...blank, consumedAtMs, topic, partition, firstOffset })
    }
  }
  if (found.size === 0) return { contexts: [], leftOut }
  const reasons = new Map<string, DeadLetterReason>()
  for (const { traceparent, reason } of draft.letters) {
    const known = found.get(traceparent)
    if (known === undefined) continue
    known.deadLetters += 1
    if (!reasons.has(traceparent)) reasons.set(traceparent, reason)
  }
  const all = [...found.values()].map((one) => ({ ...one, reason: reasons.get(one.traceparent) }))
  const first = all.filter((one) => one.deadLetters > 0)
  const rest = all.filter((one) => one.deadLetters === 0)
  const contexts = [...first, ...rest].slice(0, MOST_OF_FLUSH)
  return { contexts, leftOut: leftOut + all.length - contexts.length }
}
