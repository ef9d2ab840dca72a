import { inspect } from './scan.ts'
import { endOfString, stringAt } from './walk.ts'

/** A part of a JSON text: `bytes.subarray(start, end)` is one value. */
export interface Extent {
  readonly start: number
  readonly end: number
}
interface MemberExtent extends Extent {
  readonly key: string
}

/** Past white space (RFC 8259 section 2). */
export function skipSpace(bytes: Uint8Array, at: number, end: number): number {
  while (at < end) {
    const byte = bytes[at]
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break
    at++
  }
  return at
}

/** Back before white space. */
export function trimEnd(bytes: Uint8Array, start: number, end: number): number {
  while (end > start) {
    const byte = bytes[end - 1]
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break
    end--
  }
  return end
}

/** Just after a value that begins at `at`; -1 where none does. */
export function endOfValue(bytes: Buffer, at: number, end: number): number {
  const first = bytes[at]
  if (first === 0x22) return endOfString(bytes, at, end)
  if (first === 0x7b || first === 0x5b) return inspect(bytes, at, end, Number.MAX_SAFE_INTEGER).end
  let to = at
  while (to < end && !isDelimiter(bytes[to] as number)) to++
  return to === at ? -1 : to
}

const isDelimiter = (byte: number): boolean => byte === 0x2c || byte === 0x7d || byte === 0x5d || byte <= 0x20

/**
 * The members of the object that begins at `start`, with the extents of their values as the client
 * wrote them; undefined where it is not an object or its punctuation is wrong. The values themselves
 * are not checked. `endOf` may find the end of a member's value itself (-1: it is broken).
 */
export function objectMembers(
  bytes: Buffer,
  start: number,
  end: number,
  endOf: (key: string, at: number) => number = (_key, at) => endOfValue(bytes, at, end),
): { members: MemberExtent[]; end: number } | undefined {
  let at = skipSpace(bytes, start, end)
  if (bytes[at] !== 0x7b || at >= end) return undefined
  const members: MemberExtent[] = []
  at = skipSpace(bytes, at + 1, end)
  if (bytes[at] === 0x7d && at < end) return { members, end: at + 1 }
  while (at < end) {
    if (bytes[at] !== 0x22) return undefined
    const name = endOfString(bytes, at, end)
    const key = readString(bytes, at, name)
    if (key === undefined) return undefined
    at = skipSpace(bytes, name, end)
    if (bytes[at] !== 0x3a) return undefined
    const from = skipSpace(bytes, at + 1, end)
    const to = from < end ? endOf(key, from) : -1
    if (to < 0) return undefined
    members.push({ key, start: from, end: to })
    at = skipSpace(bytes, to, end)
    if (at >= end) return undefined
    if (bytes[at] === 0x7d) return { members, end: at + 1 }
    if (bytes[at] !== 0x2c) return undefined
    at = skipSpace(bytes, at + 1, end)
  }
  return undefined
}

/** The elements of the array that begins at `start`, under the same terms. */
export function arrayElements(
  bytes: Buffer,
  start: number,
  end: number,
): { elements: Extent[]; end: number } | undefined {
  let at = skipSpace(bytes, start, end)
  if (bytes[at] !== 0x5b || at >= end) return undefined
  const elements: Extent[] = []
  at = skipSpace(bytes, at + 1, end)
  if (bytes[at] === 0x5d && at < end) return { elements, end: at + 1 }
  while (at < end) {
    const to = endOfValue(bytes, at, end)
    if (to < 0) return undefined
    elements.push({ start: at, end: to })
    at = skipSpace(bytes, to, end)
    if (at >= end) return undefined
    if (bytes[at] === 0x5d) return { elements, end: at + 1 }
    if (bytes[at] !== 0x2c) return undefined
    at = skipSpace(bytes, at + 1, end)
  }
  return undefined
}

/**
 * The members of the object that `path` leads to in a JSON text, with the raw extents of their values:
 * how `_extra` keeps what no column names, digit for digit. Empty where there is no such object.
 */
export function membersOf(
  bytes: Buffer,
  path: readonly string[],
  start = 0,
  end = bytes.length,
): readonly MemberExtent[] {
  let from = start
  let to = end
  for (const step of path) {
    const member = objectMembers(bytes, from, to)?.members.find((one) => one.key === step)
    if (member === undefined) return []
    from = member.start
    to = member.end
  }
  return objectMembers(bytes, from, to)?.members ?? []
}

function readString(bytes: Buffer, start: number, end: number): string | undefined {
  try {
    return stringAt(bytes, start, end)
  } catch {
    return undefined
  }
}

/** The value in `bytes[start, end)` without white space between tokens: one line, every token as it was written. */
export function onOneLine(bytes: Buffer, start: number, end: number): Buffer {
  const line = Buffer.allocUnsafe(end - start)
  let length = 0
  let at = start
  while (at < end) {
    const byte = bytes[at] as number
    if (byte === 0x22) {
      const to = endOfString(bytes, at, end)
      length += bytes.copy(line, length, at, to)
      at = to
    } else {
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) line[length++] = byte
      at++
    }
  }
  return line.subarray(0, length)
}
