/**
 * What table metadata must look like before anything is made of it (spec v2, "Table Metadata Fields"). Others write tables too,
 * and a damaged file must be told as one: of a member of the wrong kind nothing would be known but a TypeError somewhere
 * later, and a current snapshot that is not there would pass for an empty table.
 */
type Check = (value: unknown, at: string) => string | undefined

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const kind =
  (name: string, holds: (value: unknown) => boolean): Check =>
  (value, at) =>
    holds(value) ? undefined : `${at} is not ${name}`

const text = kind('a text', (value) => typeof value === 'string')
const integer = kind('an integer', (value) => Number.isSafeInteger(value))
/** Snapshot ids of other writers have 63 bits. */
const id = kind('an integer', (value) => Number.isSafeInteger(value) || typeof value === 'bigint')
const truth = kind('true or false', (value) => typeof value === 'boolean')

const optional =
  (check: Check): Check =>
  (value, at) =>
    value === undefined || value === null ? undefined : check(value, at)

const listOf =
  (check: Check): Check =>
  (value, at) => {
    if (!Array.isArray(value)) return `${at} is not a list`
    for (const [index, item] of value.entries()) {
      const fault = check(item, `${at}/${index}`)
      if (fault !== undefined) return fault
    }
    return undefined
  }

const mapOf =
  (check: Check): Check =>
  (value, at) => {
    if (!isObject(value)) return `${at} is not an object`
    for (const [name, member] of Object.entries(value)) {
      const fault = check(member, `${at}/${name}`)
      if (fault !== undefined) return fault
    }
    return undefined
  }

const objectWith =
  (members: Readonly<Record<string, Check>>): Check =>
  (value, at) => {
    if (!isObject(value)) return `${at} is not an object`
    for (const [name, check] of Object.entries(members)) {
      const fault = check(value[name], `${at}/${name}`)
      if (fault !== undefined) return fault
    }
    return undefined
  }

/** As deep as a type may nest: a definition is held to far less. */
const MOST_DEPTH = 100

function typeAt(value: unknown, at: string, depth = 0): string | undefined {
  if (typeof value === 'string') return undefined
  if (!isObject(value)) return `${at} is not a type`
  if (depth > MOST_DEPTH) return `${at} nests deeper than ${MOST_DEPTH} levels`
  const inner: Check = (type, where) => typeAt(type, where, depth + 1)
  if (value['type'] === 'struct') return objectWith({ fields: listOf(field(inner)) })(value, at)
  if (value['type'] === 'list') {
    return objectWith({ 'element-id': integer, element: inner, 'element-required': truth })(value, at)
  }
  if (value['type'] === 'map') {
    return objectWith({ 'key-id': integer, key: inner, 'value-id': integer, value: inner })(value, at)
  }
  return `${at} is not a type`
}

const field = (type: Check): Check => objectWith({ id: integer, name: text, required: truth, type })

const statistics = optional(listOf(objectWith({ 'snapshot-id': id, 'statistics-path': text })))

const METADATA = objectWith({
  location: text,
  'table-uuid': text,
  'last-sequence-number': integer,
  'last-updated-ms': integer,
  'last-column-id': integer,
  'current-schema-id': integer,
  schemas: listOf(objectWith({ 'schema-id': integer, fields: listOf(field(typeAt)) })),
  'default-spec-id': integer,
  'partition-specs': listOf(
    objectWith({
      'spec-id': integer,
      fields: listOf(objectWith({ name: text, transform: text, 'source-id': integer, 'field-id': integer })),
    }),
  ),
  'last-partition-id': optional(integer),
  properties: optional(mapOf(text)),
  'current-snapshot-id': optional(id),
  refs: optional(mapOf(objectWith({ 'snapshot-id': id, type: text }))),
  snapshots: optional(
    listOf(
      objectWith({
        'snapshot-id': id,
        'parent-snapshot-id': optional(id),
        'sequence-number': optional(integer),
        'timestamp-ms': integer,
        'manifest-list': optional(text),
        summary: optional(mapOf(text)),
        'schema-id': optional(integer),
      }),
    ),
  ),
  statistics,
  'partition-statistics': statistics,
  'snapshot-log': optional(listOf(objectWith({ 'timestamp-ms': integer, 'snapshot-id': id }))),
  'metadata-log': optional(listOf(objectWith({ 'timestamp-ms': integer, 'metadata-file': text }))),
})

/** The first thing that is wrong with metadata, as words; undefined where it can be worked with. */
export function metadataFault(metadata: unknown): string | undefined {
  const fault = METADATA(metadata, '')
  if (fault !== undefined) return fault
  const { 'current-snapshot-id': current, snapshots } = metadata as Record<string, unknown>
  if (current === undefined || current === null || current === -1) return undefined
  const known = (snapshots ?? []) as readonly { readonly 'snapshot-id': unknown }[]
  return known.some((snapshot) => snapshot['snapshot-id'] === current)
    ? undefined
    : `the current snapshot ${String(current)} is not among its snapshots`
}
