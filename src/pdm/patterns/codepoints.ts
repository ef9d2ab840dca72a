/** Sets of code points as sorted, disjoint, closed ranges. */
export type Range = readonly [from: number, to: number]
export type CodePoints = readonly Range[]

export const LAST_CODE_POINT = 0x10ffff

const chars = (text: string): CodePoints =>
  union([...text].map((char) => [char.codePointAt(0) as number, char.codePointAt(0) as number]))

export function union(ranges: readonly Range[]): CodePoints {
  const sorted = [...ranges].sort((a, b) => a[0] - b[0])
  const merged: [number, number][] = []
  for (const [from, to] of sorted) {
    const last = merged.at(-1)
    if (last !== undefined && from <= last[1] + 1) last[1] = Math.max(last[1], to)
    else merged.push([from, to])
  }
  return merged
}

export function complement(set: CodePoints): CodePoints {
  const gaps: Range[] = []
  let next = 0
  for (const [from, to] of set) {
    if (from > next) gaps.push([next, from - 1])
    next = to + 1
  }
  if (next <= LAST_CODE_POINT) gaps.push([next, LAST_CODE_POINT])
  return gaps
}

export const disjoint = (a: CodePoints, b: CodePoints): boolean =>
  a.every(([from, to]) => b.every(([start, end]) => end < from || start > to))

export const DIGIT: CodePoints = [[0x30, 0x39]]
export const WORD: CodePoints = union([
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
])
/** ECMA-262 WhiteSpace and LineTerminator: more than RE2's `\s`. */
export const SPACE: CodePoints = union([
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
])
/** What ECMA-262's dot leaves out: more than RE2's does. */
export const LINE_TERMINATORS: CodePoints = chars('\n\r\u2028\u2029')
export const ALL: CodePoints = [[0, LAST_CODE_POINT]]
