/**
 * The slow, exact walk over a JSON text that `JSON.parse` has taken: every member and scalar with its
 * path. Used only where `inspect` found something to name, and for the raw text of members.
 */
export type Path = readonly (string | number)[]

interface Visitor {
  /** An object begins. `path` leads to it. */
  open?(path: Path): void
  /** A member's name, before its value. `path` leads to the object. */
  member?(name: string, path: Path, start: number, end: number): void
  /** A string, number or word with its extent. `path` leads to the value. */
  scalar?(start: number, end: number, path: Path): void
}

interface Level {
  readonly isObject: boolean
  index: number
}

/** Visits the value in `bytes[start, end)` in order. The path passed is reused: copy what is kept. */
export function walk(bytes: Buffer, start: number, end: number, visitor: Visitor): void {
  const path: (string | number)[] = []
  const levels: Level[] = []
  let awaitsName = false
  let at = start
  while (at < end) {
    const byte = bytes[at] as number
    const level = levels.at(-1)
    if (byte === 0x7b || byte === 0x5b) {
      const isObject = byte === 0x7b
      if (isObject) visitor.open?.(path)
      levels.push({ isObject, index: 0 })
      path.push(isObject ? '' : 0)
      awaitsName = isObject
      at++
    } else if (byte === 0x7d || byte === 0x5d) {
      levels.pop()
      path.pop()
      awaitsName = false
      at++
    } else if (byte === 0x2c) {
      if (level !== undefined) {
        if (level.isObject) awaitsName = true
        else path[path.length - 1] = ++level.index
      }
      at++
    } else if (byte === 0x22) {
      const from = at
      at = endOfString(bytes, at, end)
      if (awaitsName) {
        const name = stringAt(bytes, from, at)
        visitor.member?.(name, path.slice(0, -1), from, at)
        path[path.length - 1] = name
        awaitsName = false
      } else visitor.scalar?.(from, at, path)
    } else if (byte === 0x3a || byte <= 0x20) {
      at++
    } else {
      const from = at
      while (at < end && !isBoundary(bytes[at] as number)) at++
      visitor.scalar?.(from, at, path)
    }
  }
}

const isBoundary = (byte: number): boolean =>
  byte === 0x2c || byte === 0x7d || byte === 0x5d || byte === 0x3a || byte === 0x22 || byte <= 0x20

/** Just after the closing quote of the string that opens at `at`. */
export function endOfString(bytes: Buffer, at: number, end: number): number {
  for (at++; at < end; at++) {
    const byte = bytes[at]
    if (byte === 0x22) return at + 1
    if (byte === 0x5c) at++
  }
  return end
}

/** The string whose quotes are at `start` and `end - 1`. Expects a well-formed one. */
export const stringAt = (bytes: Buffer, start: number, end: number): string => {
  const inner = bytes.toString('utf8', start + 1, end - 1)
  return inner.includes('\\') ? (JSON.parse(`"${inner}"`) as string) : inner
}

/** RFC 6901. */
export const pointerOf = (path: Path): string =>
  path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
