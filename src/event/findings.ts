import type { Inspection } from './scan.ts'
import { pointerOf, walk, type Path } from './walk.ts'

/** A number whose text must be held against its column, because JavaScript may have rounded it. */
export interface OddNumber {
  readonly path: Path
  /** As the client wrote it. */
  readonly literal: string
}

/** The numbers that `inspect` marked, with their paths from the value at `start`, in order. */
export function oddNumbers(bytes: Buffer, start: number, end: number, inspection: Inspection): readonly OddNumber[] {
  const { oddAt } = inspection
  if (oddAt === null) return []
  const found: OddNumber[] = []
  let next = 0
  walk(bytes, start, end, {
    scalar(from, to, path) {
      if (from !== oddAt[next]) return
      next += 2
      found.push({ path: [...path], literal: bytes.toString('latin1', from, to) })
    },
  })
  return found
}

/** Where an object has a name twice: the pointer of the second one, and the name. Undefined where none has. */
export function repeatedMember(
  bytes: Buffer,
  start: number,
  end: number,
): { pointer: string; name: string } | undefined {
  const names: Set<string>[] = []
  let found: { pointer: string; name: string } | undefined
  walk(bytes, start, end, {
    open(path) {
      names[path.length] = new Set()
    },
    member(name, path) {
      const seen = names[path.length] as Set<string>
      if (seen.has(name)) found ??= { pointer: pointerOf([...path, name]), name }
      seen.add(name)
    },
  })
  return found
}

/** The pointer of the value in which the byte at `position` lies; of the object, where it lies in a member's name. */
export function pointerAt(bytes: Buffer, start: number, end: number, position: number): string {
  let pointer = ''
  const note = (path: Path, from: number, to: number): void => {
    if (position >= from && position < to) pointer = pointerOf(path)
  }
  walk(bytes, start, end, {
    member: (_name, path, from, to) => note(path, from, to),
    scalar: (from, to, path) => note(path, from, to),
  })
  return pointer
}
