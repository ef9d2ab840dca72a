import { Problem } from '../problems/index.ts'
import {
  isObject,
  mapSubschemas,
  propertiesOf,
  typesOf,
  type Definition,
  type Schema,
  type SchemaObject,
} from './keywords.ts'
import { DEFINITION_LIMITS as LIMITS } from './limits.ts'
import { mergeSchemas, type Source } from './merge.ts'
import { below, nameOf } from './pointer.ts'
import { tooLarge } from './too-large.ts'

/** Which datatype, by URI, a subschema was put in place from. */
export type Borrowed = WeakMap<object, string>

/** What putting the parts of one schema in place has come to: their sum is bounded, however many they are. */
interface Placing {
  readonly borrowed: Borrowed
  nodes: number
  listed: number
}
/** Nothing is in place yet. */
export const beginPlacing = (): Placing => ({ borrowed: new WeakMap(), nodes: 0, listed: 0 })

type Resolve = (uri: string) => Definition | undefined

/** A definition that `$ref`s are looked up in. */
interface Home {
  readonly source: Source
  readonly definition: Definition
}

/**
 * A part of a schema with every `$ref` put in place and brought into the form that the rest reads: no
 * `$defs`, no `allOf` of plain parts, `properties` always beside a `type`, a union with null written as a
 * type. `placing` is told of what came from a datatype, and counts. Throws `reference_not_found`, `definition_invalid` (a cycle) or `schema_too_large`.
 */
export function inline(
  source: Source,
  definition: Definition,
  resolve: Resolve,
  placing: Placing = beginPlacing(),
): SchemaObject {
  function place(schema: Schema, pointer: string, home: Home, trail: readonly string[], depth: number): Schema {
    if (!isObject(schema)) return schema
    count(schema, pointer, home, depth)
    const { $ref: reference, $defs: _defs, $id: _id, $schema: _dialect, ...rest } = schema
    const placed = mapSubschemas(rest, (sub, steps) => place(sub, below(pointer, ...steps), home, trail, depth + 1))
    if (typeof reference !== 'string') return normalise(placed, pointer, home.source)
    const target = follow(reference, pointer, home, trail)
    const found = place(target.schema, target.pointer, target.home, [...trail, target.key], depth + 1)
    const whole = normalise(
      mergeSchemas(found, placed, at(home.source, pointer), pointer, new Map([['', target.source]])),
      pointer,
      home.source,
    )
    if (target.uri !== '') borrow(whole, target.uri, placing.borrowed)
    return whole
  }

  /** What all parts together may come to. */
  function count(schema: SchemaObject, pointer: string, home: Home, depth: number): void {
    const over = (what: string): Problem =>
      tooLarge(`With its references put in place, ${source.label} ${what}.`, home.source.place(pointer))
    const branches = Array.isArray(schema['allOf']) ? schema['allOf'].length : 0
    const place = pointer === '' ? 'its top' : pointer
    placing.nodes++
    placing.listed += listedIn(schema)
    if (branches > LIMITS.allOf)
      throw over(`has ${branches} branches in one allOf (at ${place}); it may have ${LIMITS.allOf}`)
    if (placing.nodes > LIMITS.nodes) throw over(`makes more than ${LIMITS.nodes} subschemas of it all`)
    if (placing.listed > LIMITS.listed)
      throw over(`lists more than ${LIMITS.listed} names and values (required, enum) in all`)
    if (depth > LIMITS.depth) throw over(`nests deeper than ${LIMITS.depth} subschemas (at ${place})`)
  }

  function follow(reference: string, pointer: string, home: Home, trail: readonly string[]) {
    const [uri, fragment = ''] = reference.split('#', 2) as [string, string?]
    const here = home.source.place(below(pointer, '$ref'))
    const notFound = (what: string): Problem =>
      new Problem('reference_not_found', `${at(home.source, pointer).label} refers to ${reference}, ${what}.`, {
        errors: [{ pointer: here, keyword: '$ref', message: `${reference} is not known` }],
      })
    let target = home
    if (uri !== '') {
      const definition = resolve(uri)
      if (definition === undefined)
        throw notFound('which is no datatype that this tenant can see: create it first, or correct the URI')
      target = { source: { label: `datatype ${uri}`, place: () => here }, definition }
    }
    const said = fragment === '' ? target.source : { ...target.source, label: `${target.source.label} at ${fragment}` }
    if (trail.includes(said.label)) {
      throw new Problem(
        'definition_invalid',
        `${said.label} refers to itself through ${at(home.source, pointer).label}: a row has no recursive columns. Give that property no type to keep it as JSON text.`,
        { errors: [{ pointer: here, keyword: '$ref', message: 'leads back to itself' }] },
      )
    }
    const found = { uri, key: said.label, home: target, source: said }
    if (fragment === '') return { ...found, schema: target.definition as Schema, pointer: '' }
    const name = /^\/\$defs\/([^/]+)$/.exec(fragment)?.[1]
    const defs = target.definition['$defs']
    const plain = name === undefined ? undefined : decoded(name)
    if (plain === undefined || !isObject(defs) || !Object.hasOwn(defs, plain)) {
      throw notFound(`and ${target.source.label} has no such part under "$defs": correct the reference`)
    }
    return { ...found, schema: defs[plain] as Schema, pointer: fragment }
  }

  const placed = place(definition, '', { source, definition }, [], 0)
  if (!isObject(placed))
    throw new Problem('definition_invalid', `${source.label} is not an object schema.`, {
      errors: [{ pointer: source.place(''), keyword: 'type', message: 'is no object' }],
    })
  return placed
}

/** The name that a fragment's step stands for; undefined where its percent signs lead nowhere. */
function decoded(step: string): string | undefined {
  try {
    return nameOf(decodeURIComponent(step))
  } catch {
    return undefined
  }
}

function listedIn(schema: SchemaObject): number {
  const { required, enum: values, dependentRequired } = schema
  const lists = [required, values, ...(isObject(dependentRequired) ? Object.values(dependentRequired) : [])]
  return lists.reduce<number>((sum, list) => sum + (Array.isArray(list) ? list.length : 0), 0)
}

/** What lies nearer to its own datatype keeps that. */
function borrow(schema: Schema, uri: string, borrowed: Borrowed): void {
  if (!isObject(schema) || borrowed.has(schema)) return
  borrowed.set(schema, uri)
  for (const property of Object.values(propertiesOf(schema))) borrow(property, uri, borrowed)
  for (const keyword of ['items', 'additionalProperties']) borrow(schema[keyword] as Schema, uri, borrowed)
}

/** A place of a source's, as sentences call it. */
const at = (source: Source, pointer: string): Source =>
  pointer === '' ? source : { ...source, label: `${source.label} at ${pointer}` }

function normalise(schema: Schema, pointer: string, source: Source): Schema {
  if (!isObject(schema)) return schema
  return impliedObject(nullableUnion(flatAllOf(schema, pointer, source)))
}

/** `allOf` is what its branches and the schema around it say together. */
function flatAllOf(schema: SchemaObject, pointer: string, source: Source): SchemaObject {
  const { allOf, ...rest } = schema
  if (!Array.isArray(allOf)) return schema
  const origins = new Map([['', at(source, pointer)]])
  const merged = (allOf as Schema[]).reduce<Schema>((sum, branch, index) => {
    const here = below(pointer, 'allOf', index)
    const from: Source = {
      label: `${source.label} at ${here}`,
      place: (conflict) => source.place(here + conflict.slice(pointer.length)),
    }
    return mergeSchemas(sum, branch, from, pointer, origins)
  }, rest)
  return isObject(merged) ? merged : { not: {} }
}

/** `anyOf: [X, {type: null}]` is X that may be null, where X has one type and nothing stands beside. */
function nullableUnion(schema: SchemaObject): SchemaObject {
  for (const keyword of ['anyOf', 'oneOf']) {
    const branches = schema[keyword]
    if (!Array.isArray(branches) || branches.length !== 2 || 'type' in schema || 'properties' in schema) continue
    const other = (branches as Schema[]).find((branch) => !isNull(branch))
    if (!(branches as Schema[]).some(isNull) || !isObject(other ?? true)) continue
    const { [keyword]: _union, ...rest } = schema
    const chosen = other as SchemaObject
    const type = typesOf(chosen)
    if (type === undefined || type.includes('null') || 'enum' in rest || 'const' in rest) continue
    const { const: only, ...without } = chosen
    const allowed =
      'const' in chosen
        ? { enum: [only, null] }
        : 'enum' in chosen
          ? { enum: [...(chosen['enum'] as unknown[]), null] }
          : {}
    return { ...without, ...rest, ...allowed, type: [...type, 'null'] }
  }
  return schema
}

const isNull = (schema: Schema): boolean =>
  isObject(schema) &&
  schema['type'] === 'null' &&
  Object.keys(schema).every((key) => key === 'type' || key === 'description' || key === 'title')

/** `properties` without a type means an object: else a text would be valid where a row has a struct. */
const impliedObject = (schema: SchemaObject): SchemaObject =>
  'properties' in schema && !('type' in schema) ? { type: 'object', ...schema } : schema
