/**
 * The line that the lake's writer reads: the envelope, and the client's own bytes below `e`, never
 * parsed here. `{"_event_id":"…","_received_at":"…","_source":"topic/partition/offset","e":<event>}`.
 * Nothing needs escaping: ids, times and topic names (`[a-zA-Z0-9._-]`) have no character that JSON
 * escapes, which is checked where they come in.
 */

const HEAD = Buffer.from('{"_event_id":"')
const EVENT = Buffer.from(',"e":')
const NEWLINE = 10
const QUOTE = 34
const CLOSE = 125
const ZERO = 48
export const EVENT_ID_BYTES = 36
/** After the event: `}` and the newline. */
export const LINE_TAIL_BYTES = 2
const MAX_OFFSET_DIGITS = 16

/** The part between id and offset: the same for all records of a partition that arrived at once. */
export function lineMiddle(receivedAt: string, topic: string, partition: number): Buffer {
  return Buffer.from(`","_received_at":"${receivedAt}","_source":"${topic}/${partition}/`, 'latin1')
}

const EXTRA = Buffer.from(',"_extra":')

/** An upper bound of the line's bytes. */
export function lineBytes(middle: Buffer, extra: Buffer | null, value: Buffer): number {
  const extraBytes = extra === null ? 0 : EXTRA.length + extra.length
  return (
    HEAD.length +
    EVENT_ID_BYTES +
    middle.length +
    MAX_OFFSET_DIGITS +
    1 +
    extraBytes +
    EVENT.length +
    value.length +
    LINE_TAIL_BYTES
  )
}

/**
 * Writes one line at `at`, which must leave `lineBytes` of room; answers where the event's bytes
 * begin. `id` is 36 canonical bytes, `extra` JSON text that is quoted as a JSON string, null = no member. The line ends `value.length + LINE_TAIL_BYTES` later. A raw newline, which in JSON can
 * only be white space between tokens, becomes a space: the lines stay lines.
 */
export function writeLine(
  into: Buffer,
  at: number,
  id: Buffer,
  middle: Buffer,
  offset: number,
  extra: Buffer | null,
  value: Buffer,
): number {
  into.set(HEAD, at)
  at += HEAD.length
  into.set(id, at)
  at += EVENT_ID_BYTES
  into.set(middle, at)
  at += middle.length
  at = writeDigits(into, at, offset)
  into[at++] = QUOTE
  if (extra !== null) {
    into.set(EXTRA, at)
    at += EXTRA.length
    into.set(extra, at)
    at += extra.length
  }
  into.set(EVENT, at)
  at += EVENT.length
  into.set(value, at)
  const end = at + value.length
  if (value.includes(NEWLINE)) for (let i = at; i < end; i += 1) if (into[i] === NEWLINE) into[i] = 32
  into[end] = CLOSE
  into[end + 1] = NEWLINE
  return at
}

/** Writes a non-negative integer in decimal; answers the position after it. */
function writeDigits(into: Buffer, at: number, value: number): number {
  let digits = 1
  for (let bound = 10; value >= bound && digits < MAX_OFFSET_DIGITS; bound *= 10) digits += 1
  for (let i = at + digits - 1; i >= at; i -= 1) {
    const rest = Math.floor(value / 10)
    into[i] = ZERO + (value - rest * 10)
    value = rest
  }
  return at + digits
}
