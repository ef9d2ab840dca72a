import { complement, DIGIT, LINE_TERMINATORS, SPACE, union, WORD, type CodePoints, type Range } from './codepoints.ts'

/** A pattern as a tree. `set` is one code point of a set; `property` a `\p{…}` that only the engine resolves. */
export type Node =
  | {
      readonly kind: 'set'
      readonly set: CodePoints
      readonly properties: readonly string[]
      readonly negated: boolean
    }
  | { readonly kind: 'assert'; readonly text: '^' | '$' | '\\b' | '\\B' }
  | { readonly kind: 'group'; readonly body: Node }
  | { readonly kind: 'sequence'; readonly parts: readonly Node[] }
  | { readonly kind: 'choice'; readonly branches: readonly Node[] }
  | { readonly kind: 'repeat'; readonly body: Node; readonly min: number; readonly max: number; readonly lazy: boolean }

/** What no automaton can do, or what is not carried over; the message is a sentence for the schema's author. */
export class PatternRefused extends Error {
  override readonly name = 'PatternRefused'
}

/** Deeper groups than this are refused, so that walking the tree needs no guard. */
const DEEPEST_GROUP = 50

/**
 * Reads an ECMA-262 pattern (flag `u`) that the engine of this process has already accepted, so that only
 * the forms of valid patterns are met here. Throws `PatternRefused` for look-around, back references,
 * modifiers and half surrogate pairs.
 */
export function parsePattern(pattern: string): Node {
  const source = [...pattern]
  let at = 0

  const peek = (text: string): boolean => source.slice(at, at + text.length).join('') === text
  const take = (): string => source[at++] ?? ''
  const hex = (digits: string): number => Number.parseInt(digits, 16)

  function choice(depth: number): Node {
    if (depth > DEEPEST_GROUP) throw new PatternRefused(`Groups may nest ${DEEPEST_GROUP} deep.`)
    const branches = [sequence(depth)]
    while (source[at] === '|') {
      at++
      branches.push(sequence(depth))
    }
    return branches.length === 1 ? (branches[0] as Node) : { kind: 'choice', branches }
  }

  function sequence(depth: number): Node {
    const parts: Node[] = []
    while (at < source.length && source[at] !== '|' && source[at] !== ')') parts.push(repeated(term(depth)))
    return { kind: 'sequence', parts }
  }

  function repeated(body: Node): Node {
    const mark = source[at]
    let min = 0
    let max = Number.POSITIVE_INFINITY
    if (mark === '*') at++
    else if (mark === '+') [min] = [1, at++]
    else if (mark === '?') [max] = [1, at++]
    else if (mark === '{') {
      const close = source.indexOf('}', at)
      const [from, to] = source
        .slice(at + 1, close)
        .join('')
        .split(',') as [string, string?]
      min = Number(from)
      max = to === undefined ? min : to === '' ? Number.POSITIVE_INFINITY : Number(to)
      at = close + 1
    } else return body
    const lazy = source[at] === '?'
    if (lazy) at++
    return { kind: 'repeat', body, min, max, lazy }
  }

  function term(depth: number): Node {
    const char = take()
    switch (char) {
      case '^':
      case '$':
        return { kind: 'assert', text: char }
      case '.':
        return { kind: 'set', set: complement(LINE_TERMINATORS), properties: [], negated: false }
      case '(': {
        if (peek('?=') || peek('?!') || peek('?<=') || peek('?<!')) {
          throw new PatternRefused(
            'Look-ahead and look-behind cannot run in linear time: write what may stand there instead.',
          )
        }
        if (peek('?:')) at += 2
        else if (peek('?<')) at = source.indexOf('>', at) + 1
        else if (peek('?'))
          throw new PatternRefused('Modifiers such as (?i:…) are not carried over: write the letters, as in [aA].')
        const body = choice(depth + 1)
        at++
        return { kind: 'group', body }
      }
      case '[':
        return charClass()
      case '\\':
        if (source[at] === 'b' || source[at] === 'B') return { kind: 'assert', text: take() === 'b' ? '\\b' : '\\B' }
        if (/[1-9k]/.test(source[at] as string)) {
          throw new PatternRefused('A back reference (\\1, \\k<name>) cannot run in linear time.')
        }
        return one(escape(false))
      default:
        return one({ set: single(char.codePointAt(0) as number) })
    }
  }

  const one = (found: { set: CodePoints; property?: string }): Node => ({
    kind: 'set',
    set: found.set,
    properties: found.property === undefined ? [] : [found.property],
    negated: false,
  })

  function charClass(): Node {
    const negated = source[at] === '^'
    if (negated) at++
    const ranges: Range[] = []
    const properties: string[] = []
    while (source[at] !== ']') {
      const from = member()
      if (source[at] === '-' && source[at + 1] !== ']' && from.point !== undefined) {
        at++
        ranges.push([from.point, member().point as number])
        continue
      }
      ranges.push(...from.set)
      if (from.property !== undefined) properties.push(from.property)
    }
    at++
    return { kind: 'set', set: union(ranges), properties, negated }
  }

  function member(): { set: CodePoints; property?: string; point?: number } {
    const char = take()
    if (char === '\\') return escape(true)
    const point = char.codePointAt(0) as number
    return { set: single(point), point }
  }

  function escape(inClass: boolean): { set: CodePoints; property?: string; point?: number } {
    const char = take()
    const point = (value: number): { set: CodePoints; point: number } => ({ set: single(value), point: value })
    switch (char) {
      case 'd':
        return { set: DIGIT }
      case 'D':
        return { set: complement(DIGIT) }
      case 'w':
        return { set: WORD }
      case 'W':
        return { set: complement(WORD) }
      case 's':
        return { set: SPACE }
      case 'S':
        return { set: complement(SPACE) }
      case 't':
        return point(0x09)
      case 'n':
        return point(0x0a)
      case 'v':
        return point(0x0b)
      case 'f':
        return point(0x0c)
      case 'r':
        return point(0x0d)
      case '0':
        return point(0)
      case 'b':
        return inClass ? point(0x08) : point(0x62)
      case 'c':
        return point((take().codePointAt(0) as number) % 32)
      case 'x':
        return point(hex(take() + take()))
      case 'u':
        return point(unicode())
      case 'p':
      case 'P': {
        const close = source.indexOf('}', at)
        const name = source.slice(at + 1, close).join('')
        at = close + 1
        return { set: [], property: `\\${char}{${engineProperty(name)}}` }
      }
      default:
        return point(char.codePointAt(0) as number)
    }
  }

  function unicode(): number {
    if (source[at] === '{') {
      const close = source.indexOf('}', at)
      const value = hex(source.slice(at + 1, close).join(''))
      at = close + 1
      return notHalf(value)
    }
    const high = hex(take() + take() + take() + take())
    if (high >= 0xd800 && high <= 0xdbff && peek('\\u')) {
      const low = hex(source.slice(at + 2, at + 6).join(''))
      if (low >= 0xdc00 && low <= 0xdfff) {
        at += 6
        return (high - 0xd800) * 0x400 + (low - 0xdc00) + 0x10000
      }
    }
    return notHalf(high)
  }

  const notHalf = (value: number): number => {
    if (value >= 0xd800 && value <= 0xdfff)
      throw new PatternRefused('Half of a surrogate pair never occurs in an accepted event.')
    return value
  }

  return choice(0)
}

const single = (point: number): CodePoints => [[point, point]]

/** `Script=Greek`, `sc=Greek`, `General_Category=Lu`, `gc=Lu` are plain names to the engine. */
const engineProperty = (name: string): string => {
  const [key, value] = name.split('=') as [string, string?]
  const plain = value === undefined ? key : value
  if (value !== undefined && !/^(Script|sc|General_Category|gc)$/.test(key)) {
    throw new PatternRefused(`The property ${name} is not known to the engine.`)
  }
  return GENERAL_CATEGORIES.get(plain) ?? plain
}

const GENERAL_CATEGORIES: ReadonlyMap<string, string> = new Map([
  ['Letter', 'L'],
  ['Uppercase_Letter', 'Lu'],
  ['Lowercase_Letter', 'Ll'],
  ['Titlecase_Letter', 'Lt'],
  ['Modifier_Letter', 'Lm'],
  ['Other_Letter', 'Lo'],
  ['Mark', 'M'],
  ['Number', 'N'],
  ['Decimal_Number', 'Nd'],
  ['Letter_Number', 'Nl'],
  ['Other_Number', 'No'],
  ['Punctuation', 'P'],
  ['Symbol', 'S'],
  ['Separator', 'Z'],
  ['Space_Separator', 'Zs'],
  ['Other', 'C'],
  ['Control', 'Cc'],
  ['Math_Symbol', 'Sm'],
  ['Currency_Symbol', 'Sc'],
])
