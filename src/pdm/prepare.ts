import { EVENT_TIME, FORMATS } from './formats.ts'
import { isObject, mapSubschemas, propertiesOf, type Schema, type SchemaObject } from './keywords.ts'

/**
 * One `if` nests in another for each property that a generated function judges, and V8 reads nested code
 * recursively: an object of some hundred properties overflows the stack. So wide objects are judged in
 * parts, each a function of its own.
 */
const WIDE = 30
/** A nested object of at least this many properties is a function of its own. */
const OWN_FUNCTION = 10
/** An enumeration longer than this is looked up, not compared one by one. */
const LONG_ENUM = 16

/**
 * The schema as ajv gets it, with the same meaning: no annotations, the event's time held to the
 * partition's years, `decimal` and long enumerations as keywords of our own, wide objects in parts.
 */
export function prepare(schema: SchemaObject): SchemaObject {
  const { timestamp, ...others } = propertiesOf(schema)
  const timed =
    isObject(timestamp) && timestamp['format'] === 'date-time'
      ? { ...schema, properties: { timestamp: { ...timestamp, format: EVENT_TIME }, ...others } }
      : schema
  const parts: SchemaObject[] = []
  const root = reduce(timed, parts, true) as SchemaObject
  return parts.length === 0 ? root : { ...root, $defs: Object.fromEntries(parts.map((part, at) => [String(at), part])) }
}

function reduce(schema: Schema, parts: SchemaObject[], isRoot = false): Schema {
  if (!isObject(schema)) return schema
  const {
    format,
    precision,
    scale,
    enum: values,
    $id: _id,
    $schema: _dialect,
    ...rest
  } = mapSubschemas(schema, (sub) => reduce(sub, parts))
  const reduced: SchemaObject = {
    ...rest,
    ...(format === 'decimal' ? { decimal: [precision, scale] } : {}),
    ...(typeof format === 'string' && Object.hasOwn(FORMATS, format) ? { format } : {}),
    ...(Array.isArray(values) ? { [isLookedUp(values) ? 'among' : 'enum']: values } : {}),
  }
  const width = Object.keys(propertiesOf(reduced)).length
  const split = width > WIDE ? inParts(reduced, parts) : reduced
  return !isRoot && width >= OWN_FUNCTION ? apart(split, parts) : split
}

/** The parent keeps the names, for what counts as additional; the parts judge the values. */
function inParts(schema: SchemaObject, parts: SchemaObject[]): SchemaObject {
  const properties = Object.entries(propertiesOf(schema))
  const references: SchemaObject[] = []
  for (let at = 0; at < properties.length; at += WIDE) {
    references.push(apart({ properties: Object.fromEntries(properties.slice(at, at + WIDE)) }, parts))
  }
  const allOf = (schema['allOf'] as Schema[] | undefined) ?? []
  return {
    ...schema,
    properties: Object.fromEntries(properties.map(([name]) => [name, true])),
    allOf: [...allOf, ...references],
  }
}

function apart(schema: SchemaObject, parts: SchemaObject[]): SchemaObject {
  parts.push(schema)
  return { $ref: `#/$defs/${parts.length - 1}` }
}

const isLookedUp = (values: readonly unknown[]): boolean =>
  values.length > LONG_ENUM && values.every((value) => typeof value !== 'object' || value === null)
