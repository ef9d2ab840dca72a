import type { DraftField, DraftType, PrimitiveType } from '../lake/index.ts'
import { Problem, type Fault } from '../problems/index.ts'
import { branchProperties, branchSaysOtherwise } from './close.ts'
import type { Composed } from './compose.ts'
import { FORMATS } from './formats.ts'
import { isObject, propertiesOf, typesOf, type Schema, type SchemaObject } from './keywords.ts'
import { below } from './pointer.ts'

interface Columns {
  readonly columns: readonly DraftField[]
  /** What the schema allows at the top but does not name is kept in `_extra`. */
  readonly keepsExtra: boolean
  /** What is kept otherwise than one might expect; nothing here is lost. */
  readonly warnings: readonly Fault[]
}

/** The name of the partition value, which no column may have (Iceberg, "Partition Field Names"). */
const PARTITION_NAME = 'timestamp_day'

/**
 * The columns of a composed schema, after the closed list of types in `docs/concepts/types.md`. What no
 * column type holds faithfully becomes JSON text, with a warning. Throws `reserved_name` and
 * `columns_collide`.
 */
export function columnsOf(composed: Composed): Columns {
  const warnings: Fault[] = []
  const { schema } = composed
  const columns = fieldsOf(schema, '', warnings)
  if (columns.some((column) => column.name === PARTITION_NAME)) {
    throw reserved(
      below('', 'properties', PARTITION_NAME),
      `"${PARTITION_NAME}" is the name of the table's partition value`,
    )
  }
  const extras = branchProperties(schema)
  const keepsExtra = isOpen(schema) || extras.size > 0
  if (keepsExtra) {
    warnings.push({
      pointer: '',
      keyword: 'additionalProperties',
      message: 'what no property names is kept as JSON text in the column _extra',
    })
  }
  return { columns, keepsExtra, warnings }
}

/** Throws `schema_needs_timestamp`, with the place that names the schema, unless `timestamp` is a required date-time: what the table is partitioned by. */
export function requireTimestamp(composed: Composed, pointer = ''): void {
  const timestamp = propertiesOf(composed.schema)['timestamp']
  const required = composed.schema['required']
  const usable =
    isObject(timestamp) &&
    timestamp['type'] === 'string' &&
    timestamp['format'] === 'date-time' &&
    Array.isArray(required) &&
    required.includes('timestamp')
  if (!usable) {
    throw new Problem(
      'schema_needs_timestamp',
      'A dataset is partitioned by day: its schema needs a required property "timestamp" with "type": "string" and "format": "date-time" (the class interaction-event has it).',
      {
        errors: [{ pointer, keyword: 'timestamp', message: 'has no required date-time called "timestamp"' }],
      },
    )
  }
}

/** Whether an object takes properties that it does not name. */
const isOpen = (schema: SchemaObject): boolean =>
  'patternProperties' in schema ||
  branchSaysOtherwise(schema) ||
  (schema['additionalProperties'] !== false && schema['unevaluatedProperties'] !== false)

function fieldsOf(schema: SchemaObject, pointer: string, warnings: Fault[]): DraftField[] {
  const required = new Set((schema['required'] as string[] | undefined) ?? [])
  const byFold = new Map<string, string>()
  return Object.entries(propertiesOf(schema)).map(([name, property]) => {
    const at = below(pointer, 'properties', name)
    checkName(name, at, byFold)
    const { type, nullable } = columnType(property, at, warnings)
    const doc = isObject(property) && typeof property['description'] === 'string' ? property['description'] : undefined
    return { name, required: required.has(name) && !nullable, type, ...(doc === undefined ? {} : { doc }) }
  })
}

function checkName(name: string, pointer: string, byFold: Map<string, string>): void {
  if (name === '') throw reserved(pointer, 'An empty name cannot be a column')
  if (name.startsWith('_')) throw reserved(pointer, `"${name}" begins with "_", which is kept for Pulse's own columns`)
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(name)) throw reserved(pointer, 'A name with control characters cannot be a column')
  const fold = name.toLowerCase()
  const other = byFold.get(fold)
  if (other !== undefined) {
    throw new Problem(
      'columns_collide',
      `"${other}" and "${name}" differ only in case, and engines that read the table do not tell them apart. Rename one.`,
      {
        errors: [{ pointer, keyword: 'properties', message: `collides with "${other}"` }],
      },
    )
  }
  byFold.set(fold, name)
}

const reserved = (pointer: string, why: string): Problem =>
  new Problem('reserved_name', `${why}. Rename the property.`, {
    errors: [{ pointer, keyword: 'properties', message: why }],
  })

interface ColumnType {
  readonly type: DraftType
  readonly nullable: boolean
}

const json = (nullable: boolean): ColumnType => ({ type: 'json', nullable })

/** The column of one property. */
export function columnType(schema: Schema, pointer: string, warnings: Fault[]): ColumnType {
  const asText = (nullable: boolean, why: string): ColumnType => {
    warnings.push({ pointer, keyword: 'type', message: `is kept as JSON text: ${why}` })
    return json(nullable)
  }
  if (!isObject(schema)) return asText(true, 'it may be anything')
  const types = typesOf(schema) ?? typesOfValues(schema)
  if (types === undefined) return asText(true, 'the schema does not say one type')
  const nullable = types.includes('null')
  const [type, ...others] = normalised(types)
  if (type === undefined || others.length > 0) return asText(nullable, 'it may be of several types')
  switch (type) {
    case 'string':
      return { type: textType(schema, pointer, warnings), nullable }
    case 'integer':
      return { type: schema['format'] === 'int32' ? 'int' : 'long', nullable }
    case 'number':
      return { type: schema['format'] === 'float' ? 'float' : 'double', nullable }
    case 'boolean':
      return { type: 'boolean', nullable }
    case 'array': {
      if ('prefixItems' in schema) return asText(nullable, 'its places have types of their own')
      if (!isObject(schema['items'])) return asText(nullable, 'the schema does not say what it lists')
      const items = columnType(schema['items'], below(pointer, 'items'), warnings)
      return { type: { list: items.type, elementRequired: !items.nullable }, nullable }
    }
    default:
      return objectType(schema, nullable, pointer, warnings, asText)
  }
}

function objectType(
  schema: SchemaObject,
  nullable: boolean,
  pointer: string,
  warnings: Fault[],
  asText: (nullable: boolean, why: string) => ColumnType,
): ColumnType {
  const names = Object.keys(propertiesOf(schema))
  if (names.length > 0) {
    if (isOpen(schema)) return asText(nullable, 'it takes properties that it does not name')
    if (branchProperties(schema).size > 0) return asText(nullable, 'some of its properties are named in a branch only')
    return { type: { struct: fieldsOf(schema, pointer, warnings) }, nullable }
  }
  const values = schema['additionalProperties']
  const isMap =
    isObject(values) &&
    !('patternProperties' in schema) &&
    !('properties' in schema) &&
    branchProperties(schema).size === 0
  if (isMap && typesOf(values) !== undefined) {
    const value = columnType(values, below(pointer, 'additionalProperties'), warnings)
    return { type: { map: value.type, valueRequired: !value.nullable }, nullable }
  }
  return asText(nullable, 'it is a free-form object')
}

/** Without null, and with integer swallowed by number. */
function normalised(types: readonly string[]): readonly string[] {
  const set = new Set(types)
  set.delete('null')
  if (set.has('number')) set.delete('integer')
  return [...set]
}

/** The types of the values that `const` or `enum` allow; undefined where neither is there. */
function typesOfValues(schema: SchemaObject): readonly string[] | undefined {
  const values =
    'const' in schema ? [schema['const']] : Array.isArray(schema['enum']) ? (schema['enum'] as unknown[]) : undefined
  return values === undefined ? undefined : [...new Set(values.map(typeOfValue))]
}

function typeOfValue(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'anything'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  return typeof value === 'object' ? 'anything' : typeof value
}

const TEXT_TYPES: ReadonlyMap<string, PrimitiveType> = new Map([
  ['date-time', 'timestamptz'],
  ['date', 'date'],
  ['time', 'time'],
  ['uuid', 'uuid'],
])

function textType(schema: SchemaObject, pointer: string, warnings: Fault[]): PrimitiveType {
  const { format, precision, scale } = schema
  if (typeof format !== 'string') return 'string'
  if (format === 'decimal') return `decimal(${precision as number}, ${scale as number})`
  if (!Object.hasOwn(FORMATS, format)) {
    warnings.push({ pointer, keyword: 'format', message: `the format "${format}" is not known and not checked` })
  }
  return TEXT_TYPES.get(format) ?? 'string'
}
