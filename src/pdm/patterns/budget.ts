import { isObject, subschemas, type Schema } from '../keywords.ts'
import { DEFINITION_LIMITS } from '../limits.ts'
import { tooLarge } from '../too-large.ts'
import { compilePattern } from './compile.ts'

/**
 * Compiles a schema's patterns one after the other, and no more of them than their sum allows: two thousand of
 * the largest kept everybody waiting for half a minute. What is the same is counted once. Throws `schema_too_large` with `pointer`, and
 * what `compilePattern` throws.
 */
export function openPatternBudget(pointer = ''): (source: string) => void {
  const seen = new Set<string>()
  let steps = 0
  return (source) => {
    if (seen.has(source)) return
    seen.add(source)
    steps += compilePattern(source).steps
    if (steps <= DEFINITION_LIMITS.patternSteps) return
    throw tooLarge(
      `Written out, the patterns together have more than ${DEFINITION_LIMITS.patternSteps} steps: let them repeat less, or begin them with ^ and repeat single characters only, which costs none.`,
      pointer,
    )
  }
}

/** Each pattern and its place: of `pattern`, and the names of `patternProperties`. */
export function patternsAt(schema: Schema): readonly (readonly [steps: readonly string[], source: string])[] {
  if (!isObject(schema)) return []
  const { pattern, patternProperties } = schema
  const names = isObject(patternProperties) ? Object.keys(patternProperties) : []
  return [
    ...(typeof pattern === 'string' ? [[['pattern'], pattern] as const] : []),
    ...names.map((name) => [['patternProperties', name], name] as const),
  ]
}

/** Throws `schema_too_large` where a schema's patterns are too many together. */
export function checkPatternBudget(schema: Schema, spend: ReturnType<typeof openPatternBudget>): void {
  if (!isObject(schema)) return
  for (const [, source] of patternsAt(schema)) spend(source)
  for (const { schema: sub } of subschemas(schema)) checkPatternBudget(sub, spend)
}
