import { Ajv2020 } from 'ajv/dist/2020.js'
import { Problem, type Fault } from '../problems/index.ts'
import {
  isObject,
  isOwnAnnotation,
  KEYWORDS,
  propertiesOf,
  REFUSED_KEYWORDS,
  subschemas,
  type Definition,
  type Schema,
  type SchemaObject,
} from './keywords.ts'
import { DEFINITION_LIMITS as LIMITS } from './limits.ts'
import { openPatternBudget, patternsAt } from './patterns/budget.ts'
import { PatternRefused } from './patterns/parse.ts'
import { below } from './pointer.ts'
import { tooLarge } from './too-large.ts'
import { addUniqueItems } from './unique.ts'

export type EntityKind = 'class' | 'field_group' | 'datatype' | 'schema' | 'descriptor'

const DIALECTS = new Set([
  'https://json-schema.org/draft/2020-12/schema',
  'https://json-schema.org/draft/2020-12/schema#',
])
const LOCAL_REFERENCE = /^#\/\$defs\/[^/]+$/

/**
 * Checks what a client registers, by itself: JSON Schema 2020-12 within the limits, only keywords that
 * are known, references only to `#/$defs/…` or to a URI of the registry, patterns that run in linear
 * time. A descriptor's definition is any JSON object. Throws `Problem`: `definition_invalid`,
 * `schema_too_large` or `pattern_unsupported`, with a fault for each place (at most 20).
 */
export function checkDefinition(kind: EntityKind, definition: unknown): asserts definition is Definition {
  if (!isObject(definition)) throw invalid([{ pointer: '', keyword: 'type', message: 'is not a JSON object' }])
  checkSize(definition)
  if (kind === 'descriptor') return
  const faults = metaFaults(definition)
  if (faults.length > 0) throw invalid(faults)
  const found: Found = { faults: [], patterns: [], properties: 0, spend: openPatternBudget() }
  const { $class: _class, $fieldGroups: _groups, ...schema } = definition
  found.faults.push(...groupFaults(definition))
  look(schema, '', 0, found)
  if (kind !== 'datatype' && typeof schema['type'] === 'string' && schema['type'] !== 'object') {
    found.faults.push({ pointer: '/type', keyword: 'type', message: 'must be "object": an event\'s data is an object' })
  }
  if (found.faults.length > 0) throw invalid(found.faults)
  if (found.properties > LIMITS.properties) {
    throw tooLarge(`The definition has ${found.properties} properties; it may have ${LIMITS.properties}.`)
  }
  const pattern = found.patterns[0]
  if (pattern !== undefined) {
    throw new Problem('pattern_unsupported', `The pattern at ${pattern.pointer}: ${pattern.message}`, {
      errors: found.patterns.slice(0, 20),
    })
  }
}

const invalid = (faults: readonly Fault[]): Problem => {
  const first = faults[0] as Fault
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : ''
  return new Problem(
    'definition_invalid',
    `The definition at ${first.pointer === '' ? 'its top' : first.pointer} ${first.message}${more}.`,
    {
      errors: faults.slice(0, 20),
    },
  )
}

function checkSize(definition: Definition): void {
  if (jsonDepth(definition) > LIMITS.jsonDepth) {
    throw tooLarge(`The definition nests deeper than ${LIMITS.jsonDepth} objects and arrays.`)
  }
  const bytes = Buffer.byteLength(JSON.stringify(definition))
  if (bytes > LIMITS.definitionBytes) {
    throw tooLarge(`The definition has ${bytes} bytes; it may have ${LIMITS.definitionBytes}.`)
  }
}

/** Level by level, so that no depth overflows the stack; stops just past the limit. */
function jsonDepth(value: unknown): number {
  let level: unknown[] = [value]
  for (let depth = 0; ; depth++) {
    level = level.flatMap((one) => (typeof one === 'object' && one !== null ? Object.values(one) : []))
    if (level.length === 0 || depth > LIMITS.jsonDepth) return depth
  }
}

const meta = new Ajv2020({ strict: false, allErrors: true, validateFormats: false, messages: true, logger: false })
addUniqueItems(meta)

function metaFaults(definition: Definition): Fault[] {
  const { $class: _class, $fieldGroups: _groups, $schema: dialect, ...schema } = definition
  if (dialect !== undefined && !(typeof dialect === 'string' && DIALECTS.has(dialect))) {
    return [{ pointer: '/$schema', keyword: '$schema', message: 'names another dialect than draft 2020-12' }]
  }
  if (meta.validateSchema(schema) === true) return []
  // What may be one or a list of some is found wrong as each: the first says enough.
  const seen = new Set<string>()
  return (meta.errors ?? []).flatMap(({ instancePath, keyword, message, params }) => {
    if (seen.has(instancePath)) return []
    seen.add(instancePath)
    const allowed = (params as { allowedValues?: readonly unknown[] }).allowedValues
    const oneOf = allowed && `must be one of ${allowed.map((value) => JSON.stringify(value)).join(', ')}`
    return [{ pointer: instancePath, keyword, message: oneOf ?? message ?? 'is not valid JSON Schema' }]
  })
}

/** A field group is mixed in once: an answer shows them as a set. */
function groupFaults({ $fieldGroups: groups }: Definition): Fault[] {
  if (!Array.isArray(groups)) return []
  const seen = new Set<unknown>()
  const again = groups.findIndex((uri) => seen.size === seen.add(uri).size)
  if (again < 0) return []
  return [{ pointer: `/$fieldGroups/${again}`, keyword: '$fieldGroups', message: 'is there already' }]
}

interface Found {
  faults: Fault[]
  patterns: Fault[]
  properties: number
  /** Compiles a pattern. */
  spend: (pattern: string) => void
}

function look(schema: Schema, pointer: string, depth: number, found: Found): void {
  if (!isObject(schema)) return
  const fault = (keyword: string, message: string): void => {
    found.faults.push({ pointer: below(pointer, keyword), keyword, message })
  }
  if (depth > LIMITS.depth) {
    throw tooLarge(`The definition nests deeper than ${LIMITS.depth} subschemas (at ${pointer}).`, pointer)
  }
  for (const keyword of Object.keys(schema)) {
    const refused = REFUSED_KEYWORDS.get(keyword)
    if (refused !== undefined) fault(keyword, `is not supported: ${refused}`)
    else if (!KEYWORDS.has(keyword) && !isOwnAnnotation(keyword)) {
      fault(keyword, 'is not a keyword of draft 2020-12 (annotations of your own begin with "x-")')
    }
  }
  if (schema['$id'] !== undefined && pointer !== '') fault('$id', 'may stand at the top only')
  if (schema['$defs'] !== undefined && pointer !== '') fault('$defs', 'may stand at the top only')
  checkReference(schema, fault)
  checkDecimal(schema, fault)
  checkPatterns(schema, pointer, found)
  for (const name of Object.keys(propertiesOf(schema))) {
    found.properties++
    if (Buffer.byteLength(name) > LIMITS.propertyNameBytes)
      fault('properties', `has a name longer than ${LIMITS.propertyNameBytes} bytes`)
  }
  for (const sub of subschemas(schema)) look(sub.schema, below(pointer, ...sub.steps), depth + 1, found)
}

function checkReference(schema: SchemaObject, fault: (keyword: string, message: string) => void): void {
  const reference = schema['$ref']
  if (typeof reference !== 'string') return
  if (reference.startsWith('#')) {
    if (!LOCAL_REFERENCE.test(reference)) fault('$ref', 'refers to neither "#/$defs/name" nor the URI of a datatype')
  } else if (!URL.canParse(reference)) fault('$ref', 'must be "#/$defs/name" or the absolute URI of a datatype')
  else if (withoutFragment(reference).length > LIMITS.uriLength)
    fault('$ref', `must be a URI of at most ${LIMITS.uriLength} characters`)
}

function checkDecimal(schema: SchemaObject, fault: (keyword: string, message: string) => void): void {
  const { format, precision, scale, type } = schema
  if (format !== 'decimal') {
    if (precision !== undefined) fault('precision', 'belongs to "format": "decimal"')
    if (scale !== undefined) fault('scale', 'belongs to "format": "decimal"')
    return
  }
  if (type === 'number' || type === 'integer')
    fault('type', 'must be "string": a decimal is carried as text, since JSON numbers are rounded')
  if (!isWithin(precision, 1, 38)) fault('precision', 'must be a whole number from 1 to 38 beside "format": "decimal"')
  else if (!isWithin(scale, 0, precision as number))
    fault('scale', `must be a whole number from 0 to the precision, ${precision as number}`)
}

const isWithin = (value: unknown, min: number, max: number): boolean =>
  Number.isInteger(value) && (value as number) >= min && (value as number) <= max

function checkPatterns(schema: SchemaObject, pointer: string, found: Found): void {
  for (const [steps, pattern] of patternsAt(schema)) {
    try {
      found.spend(pattern)
    } catch (error) {
      if (error instanceof Problem) throw error
      const fault = { pointer: below(pointer, ...steps), keyword: 'pattern', message: (error as Error).message }
      if (error instanceof PatternRefused) found.patterns.push(fault)
      else found.faults.push({ ...fault, message: `is not a regular expression (${fault.message})` })
    }
  }
}

/** The URIs that a definition refers to in the registry (`$ref`), without fragments, each with the place of the first `$ref` to it. */
export function referencesOf(definition: Definition): ReadonlyMap<string, string> {
  const uris = new Map<string, string>()
  const visit = (schema: Schema, pointer: string): void => {
    if (!isObject(schema)) return
    const reference = schema['$ref']
    if (typeof reference === 'string' && !reference.startsWith('#')) {
      const uri = withoutFragment(reference)
      if (!uris.has(uri)) uris.set(uri, below(pointer, '$ref'))
    }
    for (const sub of subschemas(schema)) visit(sub.schema, below(pointer, ...sub.steps))
  }
  visit(definition, '')
  return uris
}

const withoutFragment = (reference: string): string => reference.split('#', 1)[0] as string

/** Takes `$class` and `$fieldGroups` out of a definition. Throws `definition_invalid` where they are not URIs. */
export function compositionOf(definition: Definition): {
  classUri?: string
  fieldGroupUris?: readonly string[]
  rest: Definition
} {
  const { $class: classUri, $fieldGroups: fieldGroupUris, ...rest } = definition
  if (classUri !== undefined && typeof classUri !== 'string') {
    throw invalid([{ pointer: '/$class', keyword: '$class', message: 'must be the URI of a class' }])
  }
  if (
    fieldGroupUris !== undefined &&
    !(Array.isArray(fieldGroupUris) && fieldGroupUris.every((uri) => typeof uri === 'string'))
  ) {
    throw invalid([
      { pointer: '/$fieldGroups', keyword: '$fieldGroups', message: 'must be a list of URIs of field groups' },
    ])
  }
  return {
    ...(classUri === undefined ? {} : { classUri }),
    ...(fieldGroupUris === undefined ? {} : { fieldGroupUris: fieldGroupUris as string[] }),
    rest,
  }
}
