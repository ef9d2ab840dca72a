import { isDeepStrictEqual } from 'node:util'
import { Problem } from '../problems/index.ts'
import { isAnnotation, isObject, type Schema, type SchemaObject } from './keywords.ts'
import { below } from './pointer.ts'
import { keyOf } from './unique.ts'

/** Who says something: as sentences call it, and where a place of its schema stands in what the client sent. */
export interface Source {
  readonly label: string
  place(pointer: string): string
}

/** Where each keyword of the merged schema came from, by pointer. */
export type Origins = Map<string, Source>

/** Keywords of which the larger, or the smaller, value is the stricter. */
const LARGER = new Set(['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties'])
const SMALLER = new Set(['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties'])
/** Keywords that mean something only together. */
const UNITS: readonly (readonly string[])[] = [
  ['if', 'then', 'else'],
  ['contains', 'minContains', 'maxContains'],
  ['prefixItems'],
]
const OPENNESS = new Set(['additionalProperties', 'unevaluatedProperties'])

/**
 * Both schemas at once: what satisfies the result satisfies each. Annotations of the later win. Throws
 * `composition_conflict` naming both places where nothing can satisfy both. Keywords that cannot be
 * written as one stand in an `allOf` of their own. One thing is not JSON Schema's: an object closed by
 * one part is open to the properties that another part names, since parts are written to be mixed.
 */
export function mergeSchemas(base: Schema, added: Schema, from: Source, pointer: string, origins: Origins): Schema {
  if (base === true) {
    origins.set(pointer, from)
    return added
  }
  if (added === true) return base
  if (!isObject(base) || !isObject(added)) {
    if (base === added) return base
    throw conflict(pointer, 'a property that is allowed and one that is forbidden', from, origins)
  }
  const merged: Record<string, unknown> = { ...base }
  const apart: SchemaObject[] = []
  const handled = new Set<string>()
  for (const [keyword, value] of Object.entries(added)) {
    if (handled.has(keyword)) continue
    const unit = UNITS.find((keywords) => keywords.includes(keyword)) ?? [keyword]
    for (const one of unit) handled.add(one)
    const present = unit.filter((one) => one in added)
    if (!unit.some((one) => one in base)) {
      for (const one of present) {
        merged[one] = added[one]
        origins.set(below(pointer, one), from)
      }
    } else if (unit.length > 1 || !mergeKeyword(merged, keyword, value, from, pointer, origins)) {
      const same = unit.every((one) => isDeepStrictEqual(base[one], added[one]))
      if (!same) apart.push(Object.fromEntries(present.map((one) => [one, added[one]])))
    }
  }
  if (apart.length > 0) merged['allOf'] = [...((merged['allOf'] as Schema[] | undefined) ?? []), ...apart]
  return merged
}

/** Merges one keyword that both have; false where the two can only stand side by side. */
function mergeKeyword(
  merged: Record<string, unknown>,
  keyword: string,
  value: unknown,
  from: Source,
  pointer: string,
  origins: Origins,
): boolean {
  const held = merged[keyword]
  const at = below(pointer, keyword)
  if (isAnnotation(keyword)) merged[keyword] = value
  else if (keyword === 'properties' || keyword === 'patternProperties' || keyword === 'dependentSchemas') {
    merged[keyword] = mergeNamed(held as Named, value as Named, from, at, origins)
  } else if (keyword === 'items' || keyword === 'propertyNames') {
    merged[keyword] = mergeSchemas(held as Schema, value as Schema, from, at, origins)
  } else if (OPENNESS.has(keyword)) merged[keyword] = mergeOpenness(held as Schema, value as Schema, from, at, origins)
  else if (keyword === 'required') merged[keyword] = [...new Set([...(held as string[]), ...(value as string[])])]
  else if (keyword === 'dependentRequired') merged[keyword] = mergeDependents(held as Dependents, value as Dependents)
  else if (LARGER.has(keyword)) merged[keyword] = Math.max(held as number, value as number)
  else if (SMALLER.has(keyword)) merged[keyword] = Math.min(held as number, value as number)
  else if (keyword === 'uniqueItems') merged[keyword] = held === true || value === true
  else if (keyword === 'allOf') merged[keyword] = [...(held as Schema[]), ...(value as Schema[])]
  else if (keyword === 'type') merged[keyword] = mergeTypes(held, value, from, at, origins)
  else if (keyword === 'enum') merged[keyword] = mergeEnums(held as unknown[], value as unknown[], from, at, origins)
  else if (isDeepStrictEqual(held, value)) return true
  else if (keyword === 'const' || keyword === 'format' || keyword === 'precision' || keyword === 'scale') {
    throw conflict(at, `${JSON.stringify(held)} and ${JSON.stringify(value)}`, from, origins)
  } else return false
  return true
}

type Named = Readonly<Record<string, Schema>>
type Dependents = Readonly<Record<string, readonly string[]>>

function mergeNamed(held: Named, added: Named, from: Source, pointer: string, origins: Origins): Named {
  const merged = new Map(Object.entries(held))
  for (const [name, schema] of Object.entries(added)) {
    const at = below(pointer, name)
    const before = merged.get(name)
    if (before === undefined) origins.set(at, from)
    merged.set(name, before === undefined ? schema : mergeSchemas(before, schema, from, at, origins))
  }
  return Object.fromEntries(merged)
}

const mergeDependents = (held: Dependents, added: Dependents): Dependents =>
  Object.fromEntries(
    [...new Set([...Object.keys(held), ...Object.keys(added)])].map((name) => [
      name,
      [...new Set([...(held[name] ?? []), ...(added[name] ?? [])])],
    ]),
  )

/** Closed where either is closed; what is typed stays typed. */
function mergeOpenness(held: Schema, added: Schema, from: Source, pointer: string, origins: Origins): Schema {
  if (held === false || added === false) return false
  return mergeSchemas(held, added, from, pointer, origins)
}

function mergeTypes(held: unknown, added: unknown, from: Source, pointer: string, origins: Origins): string | string[] {
  const list = (type: unknown): string[] => (Array.isArray(type) ? (type as string[]) : [type as string])
  const both = list(held).flatMap((one) =>
    list(added).flatMap((other) => {
      if (one === other) return [one]
      const numbers = (one === 'number' && other === 'integer') || (one === 'integer' && other === 'number')
      return numbers ? ['integer'] : []
    }),
  )
  const types = [...new Set(both)]
  if (types.length === 0)
    throw conflict(pointer, `${list(held).join(' or ')} and ${list(added).join(' or ')}`, from, origins)
  return types.length === 1 ? (types[0] as string) : types
}

function mergeEnums(held: unknown[], added: unknown[], from: Source, pointer: string, origins: Origins): unknown[] {
  const others = new Set(added.map(keyOf))
  const both = held.filter((one) => others.has(keyOf(one)))
  if (both.length === 0) throw conflict(pointer, 'lists without a common value', from, origins)
  return both
}

function conflict(pointer: string, what: string, from: Source, origins: Origins): Problem {
  let at = pointer
  while (at !== '' && !origins.has(at)) at = at.slice(0, at.lastIndexOf('/'))
  const before = origins.get(at)
  const place = pointer === '' ? 'the top' : pointer
  const message = `${before?.label ?? 'the parts before'} and ${from.label} disagree at ${place}: ${what}`
  const places = new Set([...(before === undefined ? [] : [before]), from].map((source) => source.place(pointer)))
  return new Problem('composition_conflict', `${message}. Make the two agree, or leave one of them out.`, {
    errors: [...places].map((one) => ({ pointer: one, keyword: 'composition', message })),
  })
}
