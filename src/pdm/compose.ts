import { Problem } from '../problems/index.ts'
import { close } from './close.ts'
import { beginPlacing, inline } from './inline.ts'
import { isObject, propertiesOf, subschemas, type Definition, type Schema, type SchemaObject } from './keywords.ts'
import { DEFINITION_LIMITS as LIMITS } from './limits.ts'
import { mergeSchemas, type Origins as MergeOrigins, type Source } from './merge.ts'
import { originsOf, type Origins } from './origins.ts'
import { checkPatternBudget, openPatternBudget } from './patterns/budget.ts'
import { below } from './pointer.ts'
import { tooLarge } from './too-large.ts'
import { compositionOf } from './definition.ts'

/** The effective schema of a dataset: plain JSON Schema 2020-12 without any `$ref`, closed at every depth unless it says otherwise. */
export interface Composed {
  readonly schema: SchemaObject
  /** The same as JSON text: the same parts give the same text. */
  readonly text: string
  /** Which part says what; undefined for one that was read back. */
  readonly origins?: Origins
}

interface Part {
  readonly uri: string
  readonly definition: Definition
}

export interface Composition {
  readonly uri?: string
  readonly definition: Definition
  readonly class?: Part | undefined
  readonly fieldGroups: readonly Part[]
  /** A datatype's definition by URI, as far as the tenant sees it. Never fetched from anywhere. */
  resolve(uri: string): Definition | undefined
}

const OWN: Source = { label: 'the schema', place: (pointer) => `/definition${pointer}` }

/**
 * One schema out of a class, field groups and a definition of its own, in this order; later annotations
 * win, everything else must hold together. Throws `composition_conflict` (both places named),
 * `reference_not_found`, `definition_invalid`, `schema_too_large`.
 */
export function compose(composition: Composition): Composed {
  const { resolve } = composition
  const placing = beginPlacing()
  const placed = (
    kind: 'class' | 'field_group' | 'schema',
    uri: string | null,
    source: Source,
    definition: Definition,
  ) => ({
    kind,
    uri,
    source,
    schema: inline(source, definition, resolve, placing),
  })
  const { class: base, fieldGroups } = composition
  const parts = [
    ...(base === undefined
      ? []
      : [placed('class', base.uri, { label: `class ${base.uri}`, place: () => '/class_uri' }, base.definition)]),
    ...fieldGroups.map(({ uri, definition }, index) =>
      placed(
        'field_group',
        uri,
        { label: `field group ${uri}`, place: () => `/field_group_uris/${index}` },
        definition,
      ),
    ),
    placed('schema', null, OWN, compositionOf(composition.definition).rest),
  ]
  const origins: MergeOrigins = new Map()
  const merged = parts.reduce<Schema>(
    (sum, { source, schema }) => {
      const { additionalProperties: _a, unevaluatedProperties: _u, ...rest } = schema
      return mergeSchemas(sum, rest, source, '', origins)
    },
    {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      ...(composition.uri === undefined ? {} : { $id: composition.uri }),
      type: 'object',
    },
  )
  if (!isObject(merged))
    throw new Problem('definition_invalid', 'The parts together are not an object schema.', {
      errors: [{ pointer: OWN.place(''), keyword: 'type', message: 'is no object' }],
    })
  const whole = { ...merged, ...openness(parts.map((one) => one.schema)) }
  checkCost(whole, '')
  checkPatternBudget(whole, openPatternBudget(OWN.place('')))
  return { ...checked(close(whole) as SchemaObject), origins: originsOf(parts, placing.borrowed) }
}

/** Whether unnamed properties are allowed at the top: the schema's own word first, then the class's, then the field groups'. */
function openness(parts: readonly SchemaObject[]): SchemaObject {
  const own = parts.at(-1) as SchemaObject
  for (const schema of [own, ...parts.slice(0, -1)]) {
    for (const keyword of ['additionalProperties', 'unevaluatedProperties']) {
      if (keyword in schema) return { [keyword]: schema[keyword] }
    }
  }
  return {}
}

function checked(schema: SchemaObject): Composed {
  const text = JSON.stringify(schema)
  const bytes = Buffer.byteLength(text)
  if (bytes > LIMITS.composedBytes) {
    throw tooLarge(`Composed, the schema has ${bytes} bytes; it may have ${LIMITS.composedBytes}.`, OWN.place(''))
  }
  const properties = countProperties(schema)
  if (properties > LIMITS.properties) {
    throw tooLarge(
      `Composed, the schema has ${properties} properties; it may have ${LIMITS.properties}.`,
      OWN.place(''),
    )
  }
  return { schema, text }
}

/**
 * What judging one value may cost: an array of a hundred thousand items pays it for each, and everybody
 * waits for it. Closing pays for the branches, too, and so comes after this.
 */
function checkCost(schema: Schema, pointer: string): void {
  if (!isObject(schema)) return
  const branches = countBranches(schema)
  const patterns = isObject(schema['patternProperties']) ? Object.keys(schema['patternProperties']).length : 0
  const refuse = (what: string, limit: number): never => {
    const place = pointer === '' ? 'the top' : pointer
    throw tooLarge(`Composed, the schema has ${what} at ${place}; it may have ${limit}.`, OWN.place(''))
  }
  if (branches > LIMITS.branches) refuse(`${branches} branches (anyOf, oneOf, then, …)`, LIMITS.branches)
  if (patterns > LIMITS.patternProperties) refuse(`${patterns} patternProperties`, LIMITS.patternProperties)
  for (const { steps, schema: sub } of subschemas(schema)) checkCost(sub, below(pointer, ...steps))
}

const IN_PLACE = new Set(['allOf', 'anyOf', 'oneOf', 'if', 'then', 'else', 'not', 'dependentSchemas'])

function countBranches(schema: SchemaObject): number {
  let count = 0
  for (const { steps, schema: sub } of subschemas(schema)) {
    if (IN_PLACE.has(steps[0] as string)) count += 1 + (isObject(sub) ? countBranches(sub) : 0)
  }
  return count
}

function countProperties(schema: Schema): number {
  if (!isObject(schema)) return 0
  const own = Object.values(propertiesOf(schema))
  const items = isObject(schema['items']) ? countProperties(schema['items']) : 0
  const values = isObject(schema['additionalProperties']) ? countProperties(schema['additionalProperties']) : 0
  return own.reduce<number>((sum, one) => sum + 1 + countProperties(one), 0) + items + values
}

/** A composed schema read back from its text, as kept with the published schema. */
export const composedFrom = (text: string): Composed => ({ schema: JSON.parse(text) as SchemaObject, text })
