import { complement, LAST_CODE_POINT, type CodePoints } from './codepoints.ts'
import { PatternRefused, type Node } from './parse.ts'

/** RE2 repeats at most a thousand times. */
const MOST_REPEATS = 1000
/** States that the pattern unfolds to: what a character of input costs at most. */
export const MOST_STATES = 2000

/** The same pattern for RE2: sets written out, so that no shorthand means something else there. */
export function toRe2(node: Node): string {
  switch (node.kind) {
    case 'set':
      return setText(node.negated, node.set, node.properties)
    case 'assert':
      return node.text === '^' ? '\\A' : node.text === '$' ? '\\z' : node.text
    case 'group':
      return `(?:${toRe2(node.body)})`
    case 'sequence':
      return node.parts.map(toRe2).join('')
    case 'choice':
      return node.branches.map(toRe2).join('|')
    case 'repeat': {
      const { min, max } = node
      if (min > MOST_REPEATS || (Number.isFinite(max) && max > MOST_REPEATS)) {
        throw new PatternRefused(`A part may repeat at most ${MOST_REPEATS} times.`)
      }
      const times = Number.isFinite(max) ? `{${min},${max}}` : min === 0 ? '*' : min === 1 ? '+' : `{${min},}`
      return `(?:${toRe2(node.body)})${times}${node.lazy ? '?' : ''}`
    }
  }
}

function setText(negated: boolean, set: CodePoints, properties: readonly string[]): string {
  if (properties.length === 0) {
    const effective = negated ? complement(set) : set
    if (effective.length === 0) return `[^\\x{0}-\\x{${LAST_CODE_POINT.toString(16)}}]`
    return `[${rangesText(effective)}]`
  }
  return `[${negated ? '^' : ''}${rangesText(set)}${properties.join('')}]`
}

const rangesText = (set: CodePoints): string =>
  set.map(([from, to]) => `\\x{${from.toString(16)}}-\\x{${to.toString(16)}}`).join('')

/** How many states the pattern unfolds to, at most. */
export function statesOf(node: Node): number {
  switch (node.kind) {
    case 'set':
    case 'assert':
      return 1
    case 'group':
      return statesOf(node.body)
    case 'sequence':
      return node.parts.reduce((sum, part) => sum + statesOf(part), 0)
    case 'choice':
      return node.branches.reduce((sum, branch) => sum + statesOf(branch) + 1, 0)
    case 'repeat':
      return (statesOf(node.body) + 1) * Math.max(1, Number.isFinite(node.max) ? node.max : node.min + 1)
  }
}

/** The code points that a single-character node takes; undefined for other nodes and for `\p{…}`. */
export function pointsOf(node: Node): CodePoints | undefined {
  if (node.kind !== 'set' || node.properties.length > 0) return undefined
  return node.negated ? complement(node.set) : node.set
}
