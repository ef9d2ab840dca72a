/** JSON Schema 2020-12 as Pulse reads it: which keywords there are, and where their subschemas lie. */
export type SchemaObject = { readonly [keyword: string]: unknown }
export type Schema = boolean | SchemaObject
/** What a client registers: a schema, still with its references. */
export type Definition = SchemaObject

/** `one`: a schema; `list`: schemas; `map`: schemas by name; `plain`: a value; `note`: an annotation, checks nothing. */
type KeywordKind = 'one' | 'list' | 'map' | 'plain' | 'note'

const named = (kind: KeywordKind, names: string): [string, KeywordKind][] =>
  names.split(' ').map((name) => [name, kind])

export const KEYWORDS: ReadonlyMap<string, KeywordKind> = new Map([
  ...named(
    'one',
    'items contains additionalProperties unevaluatedProperties unevaluatedItems propertyNames not if then else',
  ),
  ...named('list', 'allOf anyOf oneOf prefixItems'),
  ...named('map', 'properties patternProperties dependentSchemas $defs'),
  ...named('plain', '$ref type enum const required dependentRequired format pattern precision scale'),
  ...named('plain', 'minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength'),
  ...named('plain', 'minItems maxItems uniqueItems minContains maxContains minProperties maxProperties'),
  ...named('note', '$schema $id $comment title description default examples deprecated readOnly writeOnly'),
  ...named('note', 'contentEncoding contentMediaType contentSchema'),
])

/** Keywords of the standard (or of older drafts) that Pulse refuses, each with what to do instead. */
export const REFUSED_KEYWORDS: ReadonlyMap<string, string> = new Map([
  ['$anchor', 'name the part under "$defs" and refer to it by "#/$defs/name"'],
  ['$dynamicAnchor', 'a schema cannot be extended at run time: compose it of field groups'],
  ['$dynamicRef', 'a schema cannot be extended at run time: compose it of field groups'],
  ['$recursiveRef', 'a row has no recursive columns: give the property no type to keep it as JSON text'],
  ['$recursiveAnchor', 'a row has no recursive columns: give the property no type to keep it as JSON text'],
  ['$vocabulary', 'the vocabulary is that of draft 2020-12'],
  ['definitions', 'draft 2020-12 calls it "$defs"'],
  ['dependencies', 'draft 2020-12 calls it "dependentRequired" or "dependentSchemas"'],
  ['additionalItems', 'draft 2020-12 calls it "items" beside "prefixItems"'],
  ['nullable', 'write "type": ["…", "null"]'],
])

/** Annotations of a client's own: `x-owner`, `meta:license`. */
export const isOwnAnnotation = (keyword: string): boolean => keyword.startsWith('x-') || keyword.includes(':')
export const isAnnotation = (keyword: string): boolean => KEYWORDS.get(keyword) === 'note' || isOwnAnnotation(keyword)

export const isObject = (value: unknown): value is SchemaObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Every subschema directly below, with the steps that lead to it. */
export function* subschemas(schema: SchemaObject): Generator<{ steps: readonly (string | number)[]; schema: Schema }> {
  for (const [keyword, value] of Object.entries(schema)) {
    const kind = KEYWORDS.get(keyword)
    if (kind === 'one') yield { steps: [keyword], schema: value as Schema }
    else if (kind === 'list') {
      for (const [index, one] of (value as Schema[]).entries()) yield { steps: [keyword, index], schema: one }
    } else if (kind === 'map') {
      for (const [name, one] of Object.entries(value as Record<string, Schema>))
        yield { steps: [keyword, name], schema: one }
    }
  }
}

/** The schema with every direct subschema replaced; the order of keywords stays. */
export function mapSubschemas(
  schema: SchemaObject,
  change: (sub: Schema, steps: readonly (string | number)[]) => Schema,
): SchemaObject {
  return Object.fromEntries(
    Object.entries(schema).map(([keyword, value]) => {
      const kind = KEYWORDS.get(keyword)
      if (kind === 'one') return [keyword, change(value as Schema, [keyword])]
      if (kind === 'list') return [keyword, (value as Schema[]).map((one, index) => change(one, [keyword, index]))]
      if (kind === 'map') {
        const changed = Object.entries(value as Record<string, Schema>).map(([name, one]) => [
          name,
          change(one, [keyword, name]),
        ])
        return [keyword, Object.fromEntries(changed)]
      }
      return [keyword, value]
    }),
  )
}

/** The declared properties of a schema. */
export const propertiesOf = (schema: Schema): Readonly<Record<string, Schema>> =>
  isObject(schema) && isObject(schema['properties']) ? (schema['properties'] as Record<string, Schema>) : {}

/** The types that a schema allows; undefined where it does not say. */
export function typesOf(schema: SchemaObject): readonly string[] | undefined {
  const type = schema['type']
  if (typeof type === 'string') return [type]
  return Array.isArray(type) ? (type as string[]) : undefined
}
