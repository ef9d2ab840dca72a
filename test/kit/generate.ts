import fc from 'fast-check'

/**
 * Schemas and events by chance: every type at every depth, with names and values that are known to make
 * trouble somewhere (readers, writers, JavaScript, SQL). Events are JSON text, since how a number or a
 * string is written is part of what is tried.
 */
export type JsonSchema = { readonly [keyword: string]: unknown }

const NAMES = [
  'a',
  'b',
  'c',
  'value',
  'constructor',
  'toString',
  'hasOwnProperty',
  'valueOf',
  'length',
  'select',
  'e',
  'data',
  'dataset',
  'two words',
  'dotted.name',
  'sla/sh',
  'til~de',
  'quo"te',
  "apo'strophe",
  'back\\slash',
  'ünï',
  '名前',
  '😀',
  '1st',
  '$dollar',
  'percent%',
  'key',
  'element',
  'timestamp_',
]

const names = (min: number, max: number): fc.Arbitrary<string[]> =>
  fc.uniqueArray(fc.constantFrom(...NAMES), { minLength: min, maxLength: max, selector: (name) => name.toLowerCase() })

const scalarSchema: fc.Arbitrary<JsonSchema> = fc.oneof(
  fc.constantFrom<JsonSchema[]>(
    { type: 'string' },
    { type: 'string', maxLength: 5 },
    { type: 'string', pattern: '^[a-z0-9 ]*$' },
    { type: 'string', format: 'date-time' },
    { type: 'string', format: 'date' },
    { type: 'string', format: 'time' },
    { type: 'string', format: 'uuid' },
    { type: 'string', format: 'email' },
    { type: 'string', format: 'decimal', precision: 10, scale: 2 },
    { type: 'string', format: 'decimal', precision: 38, scale: 0 },
    { type: 'string', format: 'decimal', precision: 38, scale: 38 },
    { type: 'integer' },
    { type: 'integer', format: 'int32' },
    { type: 'integer', format: 'int64' },
    { type: 'integer', minimum: -10 },
    { type: 'number' },
    { type: 'number', format: 'float' },
    { type: 'number', maximum: 1000 },
    { type: 'boolean' },
    { enum: ['a', 'B', 'ü'] },
    { enum: [1, 2, 300] },
    { const: 'fixed' },
    { enum: ['x', 1, null] },
    { type: ['string', 'integer'] },
    {},
  ),
)

const nullable = (schema: fc.Arbitrary<JsonSchema>): fc.Arbitrary<JsonSchema> =>
  fc.tuple(schema, fc.integer({ min: 0, max: 9 })).map(([one, dice]) => {
    if (typeof one['type'] !== 'string' || dice > 2) return one
    return dice === 0 ? { anyOf: [one, { type: 'null' }] } : { ...one, type: [one['type'], 'null'] }
  })

function schemaOfDepth(depth: number): fc.Arbitrary<JsonSchema> {
  if (depth === 0) return nullable(scalarSchema)
  const deeper = fc.oneof(
    { weight: 3, arbitrary: schemaOfDepth(0) },
    { weight: 2, arbitrary: schemaOfDepth(depth - 1) },
  )
  return nullable(
    fc.oneof(
      { weight: 3, arbitrary: objectSchema(depth, 0) },
      { weight: 2, arbitrary: deeper.map((items) => ({ type: 'array', items })) },
      { weight: 2, arbitrary: deeper.map((values) => ({ type: 'object', additionalProperties: values })) },
      {
        weight: 1,
        arbitrary: fc.constantFrom<JsonSchema[]>(
          { type: 'object' },
          { type: 'array' },
          { type: 'array', prefixItems: [{ type: 'integer' }] },
          { type: 'array', items: {} },
        ),
      },
      { weight: 1, arbitrary: objectSchema(depth, 0).map((one) => ({ ...one, additionalProperties: true })) },
    ),
  )
}

const objectSchema = (depth: number, min: number): fc.Arbitrary<JsonSchema> =>
  names(Math.max(1, min), 5).chain((keys) =>
    fc
      .tuple(
        fc.array(fc.oneof(schemaOfDepth(0), schemaOfDepth(depth - 1)), {
          minLength: keys.length,
          maxLength: keys.length,
        }),
        fc.subarray(keys),
      )
      .map(([schemas, required]) => ({
        type: 'object',
        properties: Object.fromEntries(keys.map((key, index) => [key, schemas[index]])),
        ...(required.length === 0 ? {} : { required }),
      })),
  )

/** A definition that a dataset can be made of: it has the timestamp that tables need; some are open at the top. */
export function arbitrarySchema(maxDepth = 3): fc.Arbitrary<JsonSchema> {
  return fc.tuple(objectSchema(maxDepth, 1), fc.integer({ min: 0, max: 3 })).map(([schema, dice]) => ({
    ...schema,
    properties: { timestamp: { type: 'string', format: 'date-time' }, ...(schema['properties'] as JsonSchema) },
    required: ['timestamp', ...((schema['required'] as string[] | undefined) ?? [])],
    ...(dice === 0 ? { additionalProperties: true } : {}),
  }))
}

const INTEGERS = [
  '0',
  '-0',
  '1',
  '-1',
  '7',
  '300',
  '2147483647',
  '2147483648',
  '-2147483648',
  '-2147483649',
  '9007199254740991',
  '9007199254740992',
  '9007199254740993',
  '-9007199254740993',
  '9223372036854775807',
  '9223372036854775808',
  '-9223372036854775808',
  '-9223372036854775809',
  '18446744073709551615',
  '123456789012345678901234567890',
  '1.0',
  '-0.0',
  '1e3',
  '1E+3',
  '100e-2',
  '1e18',
  '1e19',
  '9.007199254740993e15',
  '1.0000000000000000001',
  '9223372036854775807.0',
  '16777217',
  '1700000000123456789',
  '1e00000000000000000000001',
  '10000000000000000000000e-22',
]
const NUMBERS = [
  ...INTEGERS,
  '0.1',
  '-1.5',
  '3.4028234663852886e38',
  '3.4028235e38',
  '3.5e38',
  '1e38',
  '1e39',
  '1.7976931348623157e308',
  '1.7976931348623159e308',
  '1e400',
  '-1e400',
  '5e-324',
  '1e-324',
  '1e-400',
  '0e999',
  '1e-46',
  '1e-45',
  '1e23',
  '100000000000000000000000',
  '123456789012345680000',
  '0.30000000000000004',
  '0.1234567890123456789012',
  '9007199254740991.7',
  '12345678901234567890.5',
  '1e22',
  '6.02214076e23',
  '0.000001',
  '1e-7',
]
const STRINGS = [
  '""',
  '"a"',
  '"x y"',
  '"ünïcödé"',
  '"\\u0000"',
  '"a\\u0000b"',
  '"😀"',
  '"\\ud83d\\ude00"',
  '"\\/"',
  '"\\"\\\\\\n\\t"',
  '"null"',
  '"NaN"',
  '"0"',
  '"true"',
  '"\\ud800"',
  '"\\udc00x"',
  '"\\ud83d\\ud83d\\ude00"',
  '"\u2028\u2029"',
  '"\\u0041"',
  '" lead"',
  '"{\\"a\\":1}"',
  '"fixed"',
  '"B"',
  '"\u007f"',
  '"\ufeff"',
  '"\\uFFFE"',
]
const DATE_TIMES = [
  '2026-11-25T08:00:00Z',
  '2026-11-25T08:00:00.5Z',
  '2026-11-25T08:00:00.123456Z',
  '2026-11-25T08:00:00.123456789Z',
  '2026-11-25T23:59:59+14:00',
  '2026-11-25T00:00:00-23:59',
  '2024-02-29T12:00:00Z',
  '2023-02-29T12:00:00Z',
  '2026-13-01T00:00:00Z',
  '2026-11-25t08:00:00Z',
  '2026-11-25T08:00:00z',
  '2026-11-25T08:00:60Z',
  '2026-11-25T24:00:00Z',
  '2026-11-25 08:00:00Z',
  '2026-11-25T08:00Z',
  '2026-11-25T08:00:00',
  '1970-01-01T00:00:00Z',
  '1969-12-31T23:59:59.999999Z',
  '2200-12-31T23:59:59.999999Z',
  '2201-01-01T00:00:00Z',
  '0001-01-01T00:00:00Z',
  '0001-01-01T00:00:00+00:01',
  '9999-12-31T23:59:59Z',
  '9999-12-31T23:59:59-00:01',
  '0000-01-01T00:00:00Z',
  '1969-12-31T23:30:00-01:00',
  'infinity',
  '2026-11-25T08:00:00+0100',
  '2026-11-25T08:00:00.Z',
  '2026-11-25T08:00:00-00:00',
  '1900-02-29T00:00:00Z',
  '1969-12-31T23:59:59.9999999Z',
]
const DATES = [
  '2026-11-25',
  '2024-02-29',
  '2023-02-29',
  '0001-01-01',
  '9999-12-31',
  '0000-12-31',
  '10000-01-01',
  '2026-1-1',
  'epoch',
  '-0001-01-01',
  '2026-11-25 ',
  '1969-12-31',
]
const TIMES = [
  '08:00:00',
  '08:00:00.123456',
  '08:00:00.1234567',
  '23:59:59.9999999',
  '24:00:00',
  '23:59:60',
  '08:00',
  '08:00:00Z',
  '00:00:00',
  '08:00:00+01:00',
]
const UUIDS = [
  '018f4c6e-0000-7000-8000-000000000000',
  '018F4C6E-0000-7000-8000-00000000000F',
  '018f4c6e000070008000000000000000',
  '{018f4c6e-0000-7000-8000-000000000000}',
  'urn:uuid:018f4c6e-0000-7000-8000-000000000000',
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
  '00000000-0000-0000-0000-000000000000',
]
const DECIMALS = [
  '0',
  '1.5',
  '-1.50',
  '1.555',
  '1.550',
  '99999999.99',
  '100000000.00',
  '-0.00',
  '1e2',
  '+1',
  '.5',
  '5.',
  ' 1',
  '0.10',
  '99999999999999999999999999999999999999',
  '100000000000000000000000000000000000000',
  '0.99999999999999999999999999999999999999',
  '-99999999999999999999999999999999999999',
  '1_000',
  '007',
]

const quoted = (values: readonly string[]): fc.Arbitrary<string> =>
  fc.constantFrom(...values).map((value) => JSON.stringify(value))

const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...STRINGS),
  fc.string({ unit: 'binary', maxLength: 12 }).map((text) => JSON.stringify(text)),
  fc.string({ maxLength: 200 }).map((text) => JSON.stringify(text)),
)
const anyInteger = fc.oneof(
  fc.constantFrom(...INTEGERS),
  fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }).map(String),
  fc.integer().map(String),
)
const anyNumber = fc.oneof(
  fc.constantFrom(...NUMBERS),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => JSON.stringify(x)),
  anyInteger,
)

/** Any JSON at all, written any way. */
const anyJson: fc.Arbitrary<string> = fc.letrec<{ json: string }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'json' },
    fc.constantFrom('null', 'true', 'false'),
    anyNumber,
    anyText,
    fc.array(tie('json'), { maxLength: 3 }).map((items) => `[${items.join(',')}]`),
    fc
      .array(fc.tuple(fc.constantFrom(...NAMES, '__proto__', 'constructor', ''), tie('json')), { maxLength: 3 })
      .map((members) => objectText(members)),
  ),
})).json

const objectText = (members: readonly (readonly [string, string])[]): string =>
  `{${members.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`

/** The data of an event, as JSON text: mostly what the schema asks for, with borderline values; sometimes anything. */
export function arbitraryEventFor(schema: JsonSchema): fc.Arbitrary<string> {
  return fc
    .tuple(
      valueFor(schema, true),
      fc.infiniteStream(fc.constantFrom('', '', '', '', '', '', '', ' ', '\n', '\t', '\r\n')),
    )
    .map(([text, spaces]) => spaced(text, spaces))
}

/** White space by chance beside the commas, colons and brackets of a text. */
function spaced(text: string, spaces: fc.Stream<string>): string {
  let result = ''
  let inString = false
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at)
    if (inString && char === '\\') {
      result += char + text.charAt(++at)
      continue
    }
    if (char === '"') inString = !inString
    result += char
    if (!inString && '{}[],:'.includes(char)) result += spaces.next().value ?? ''
  }
  return result.trim()
}

const HOSTILE = 60

function valueFor(schema: JsonSchema, top = false): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: HOSTILE, arbitrary: fittingValue(schema, top) },
    { weight: 1, arbitrary: top ? fittingValue(schema, top) : anyJson },
  )
}

function fittingValue(schema: JsonSchema, top: boolean): fc.Arbitrary<string> {
  const branches = schema['anyOf'] as JsonSchema[] | undefined
  if (branches !== undefined) return fc.oneof(...branches.map((branch) => valueFor(branch)))
  if (Array.isArray(schema['enum']))
    return fc.constantFrom(...(schema['enum'] as unknown[]).map((value) => JSON.stringify(value)), '"none"')
  if ('const' in schema) return fc.constant(JSON.stringify(schema['const']))
  const types = ([] as unknown[]).concat(schema['type'] ?? []) as string[]
  if (types.length === 0) return anyJson
  return fc.oneof(...types.map((type) => valueOfType(type, schema, top)))
}

function valueOfType(type: string, schema: JsonSchema, top: boolean): fc.Arbitrary<string> {
  switch (type) {
    case 'string':
      return textFor(schema, top)
    case 'integer':
      return fc.oneof(
        { weight: 3, arbitrary: fc.integer({ min: -9, max: 2_000_000 }).map(String) },
        { weight: 1, arbitrary: anyInteger },
      )
    case 'number':
      return fc.oneof(
        { weight: 3, arbitrary: fc.double({ min: -1e6, max: 1000, noNaN: true }).map((x) => JSON.stringify(x)) },
        { weight: 1, arbitrary: anyNumber },
      )
    case 'boolean':
      return fc.constantFrom('true', 'false')
    case 'null':
      return fc.constant('null')
    case 'array': {
      const items = schema['items'] as JsonSchema | undefined
      return fc
        .array(items === undefined ? anyJson : valueFor(items), { maxLength: 4 })
        .map((list) => `[${list.join(',')}]`)
    }
    default:
      return objectFor(schema, top)
  }
}

function textFor(schema: JsonSchema, top: boolean): fc.Arbitrary<string> {
  const good: Readonly<Record<string, fc.Arbitrary<string>>> = {
    'date-time': fc
      .date({ min: new Date(0), max: new Date('2200-12-31T23:59:59Z'), noInvalidDate: true })
      .map((date) => JSON.stringify(date)),
    date: fc.constantFrom(...DATES.slice(0, 2)).map((one) => JSON.stringify(one)),
    time: fc.constantFrom(...TIMES.slice(0, 3)).map((one) => JSON.stringify(one)),
    uuid: fc.uuid().map((one) => JSON.stringify(one)),
    decimal: fc.integer({ min: 0, max: 0 }).map(() => '"0"'),
    email: fc.constant('"someone@example.com"'),
  }
  const borderline: Readonly<Record<string, readonly string[]>> = {
    'date-time': DATE_TIMES,
    date: DATES,
    time: TIMES,
    uuid: UUIDS,
    decimal: DECIMALS,
  }
  const format = schema['format'] as string | undefined
  if (format !== undefined) {
    return fc.oneof(
      { weight: 8, arbitrary: good[format] ?? anyText },
      { weight: format === 'decimal' ? 16 : 3, arbitrary: quoted(borderline[format] ?? ['']) },
    )
  }
  if ('pattern' in schema || 'maxLength' in schema) {
    return fc.oneof(
      { weight: 5, arbitrary: fc.constantFrom('""', '"abc"', '"a 1"') },
      { weight: 1, arbitrary: anyText },
    )
  }
  return top ? anyText : anyText
}

function objectFor(schema: JsonSchema, top: boolean): fc.Arbitrary<string> {
  const properties = (schema['properties'] ?? {}) as Readonly<Record<string, JsonSchema>>
  const required = new Set((schema['required'] as string[] | undefined) ?? [])
  const open = schema['additionalProperties']
  const keys = Object.keys(properties)
  const declared = fc.tuple(
    ...keys.map((key) =>
      fc
        .tuple(fc.integer({ min: 0, max: 99 }), valueFor(properties[key] as JsonSchema))
        .map(([dice, value]) => ((required.has(key) ? dice > 0 : dice > 30) ? ([key, value] as const) : undefined)),
    ),
  )
  const extraValue = typeof open === 'object' && open !== null ? valueFor(open as JsonSchema) : anyJson
  const extraNames = fc.constantFrom(
    'zz',
    'Extra',
    'x y',
    '__proto__',
    'constructor',
    '😀z',
    '',
    ...keys.map((key) => key.toUpperCase()),
  )
  const isOpen = keys.length === 0 || (open !== undefined && open !== false)
  const extras = fc.array(fc.tuple(extraNames, extraValue), { maxLength: isOpen ? 3 : 1 })
  return fc.tuple(declared, extras, fc.integer({ min: 0, max: 59 })).map(([members, more, dice]) => {
    const kept = members.filter((member) => member !== undefined) as (readonly [string, string])[]
    const all = isOpen || dice === 0 ? [...kept, ...distinctNames(more, kept)] : kept
    if (dice === 1 && all[0] !== undefined) all.push(all[0])
    return top && dice === 2 ? objectText(all.toReversed()) : escapedNames(objectText(all), dice)
  })
}

const distinctNames = (more: readonly (readonly [string, string])[], kept: readonly (readonly [string, string])[]) => {
  const seen = new Set(kept.map(([name]) => name))
  return more.filter(([name]) => !seen.has(name) && seen.add(name))
}

/** The same names, one of them written with an escape. */
const escapedNames = (text: string, dice: number): string => (dice === 3 ? text.replace('"a":', '"\\u0061":') : text)
