import { RE2JS } from 're2js'
import { DEFINITION_LIMITS } from '../limits.ts'
import { parsePattern, PatternRefused } from './parse.ts'
import { isSafeToBacktrack } from './safe.ts'
import { MOST_STATES, statesOf, toRe2 } from './translate.ts'

interface LinearPattern {
  /** The pattern as it was written. */
  readonly source: string
  readonly engine: 'native' | 're2'
  /** What the automaton unfolds to; 0 where the process's own engine runs it. */
  readonly steps: number
  test(text: string): boolean
}

/**
 * What testing one value may cost, in states times characters (about 5 ns each at worst, so 0.1 s): a
 * value beyond it does not match. Only values of many kilobytes under large patterns get there.
 */
const MOST_WORK = 20_000_000

/** Patterns recur in every schema of a tenant and in every compilation of one. */
const compiled = new Map<string, LinearPattern>()
const MOST_COMPILED = 5_000

/**
 * A pattern that takes linear time whatever it is tested on, with the meaning that ECMA-262 gives it
 * (flag `u`, a match anywhere). Throws `PatternRefused` with a sentence for what cannot run so, and
 * `SyntaxError` for what is no pattern at all.
 */
export function compilePattern(source: string): LinearPattern {
  const known = compiled.get(source)
  if (known !== undefined) return known
  if (source.length > DEFINITION_LIMITS.patternLength) {
    throw new PatternRefused(`A pattern may have ${DEFINITION_LIMITS.patternLength} characters.`)
  }
  const native = new RegExp(source, 'u')
  const tree = parsePattern(source)
  const states = statesOf(tree)
  if (states > MOST_STATES) {
    throw new PatternRefused(`Written out, the pattern has ${states} steps; it may have ${MOST_STATES}. Repeat less.`)
  }
  const pattern: LinearPattern = isSafeToBacktrack(tree)
    ? { source, engine: 'native', steps: 0, test: (text) => native.test(text) }
    : { source, engine: 're2', steps: states, test: automaton(source, toRe2(tree), states) }
  if (compiled.size >= MOST_COMPILED) compiled.clear()
  compiled.set(source, pattern)
  return pattern
}

function automaton(source: string, translated: string, states: number): (text: string) => boolean {
  let engine: RE2JS
  try {
    engine = RE2JS.compile(translated)
  } catch (cause) {
    throw new PatternRefused(`The linear-time engine does not take ${source}: ${(cause as Error).message}.`, { cause })
  }
  return (text) => text.length * states <= MOST_WORK && engine.test(text)
}

/** ajv's `code.regExp`: ajv builds every `pattern` and `patternProperties` with it. */
export const linearRegExp: { (pattern: string, flags: string): LinearPattern; code: string } = Object.assign(
  (pattern: string, _flags: string) => {
    const found = compilePattern(pattern)
    return { ...found, toString: () => `/${found.source}/u` }
  },
  { code: 'linearRegExp' },
)
