/** Definitions that are refused, by the first column of the table "Definitions" in `docs/reference/bad-input.md`. */
interface BadDefinition {
  readonly input: string
  readonly definition: unknown
  /** Of the class that it is composed with; none where absent. */
  readonly classDefinition?: Readonly<Record<string, unknown>>
  /** It is refused when a dataset is made. */
  readonly asDataset?: true
}

const schema = (properties: Record<string, unknown>, more: Record<string, unknown> = {}) => ({
  type: 'object',
  properties,
  ...more,
})
const nested = (depth: number): unknown => (depth === 0 ? { type: 'string' } : schema({ a: nested(depth - 1) }))
const doubling = Object.fromEntries(
  Array.from({ length: 20 }, (_, at) => [
    `d${at}`,
    schema({ a: { $ref: `#/$defs/d${at + 1}` }, b: { $ref: `#/$defs/d${at + 1}` } }),
  ]),
)

export const BAD_DEFINITIONS: readonly BadDefinition[] = [
  { input: 'a definition that is a list', definition: [] },
  { input: 'a keyword that is misspelt', definition: schema({ a: { type: 'string' } }, { requried: ['a'] }) },
  { input: 'a type that does not exist', definition: schema({ a: { type: 'text' } }) },
  { input: 'a decimal without precision', definition: schema({ a: { type: 'string', format: 'decimal' } }) },
  { input: 'a pattern that is none', definition: schema({ a: { type: 'string', pattern: '(' } }) },
  { input: 'a pattern that looks ahead', definition: schema({ a: { type: 'string', pattern: '^(?=a)' } }) },
  { input: 'a pattern with a back reference', definition: schema({ a: { type: 'string', pattern: '^(a)\\1$' } }) },
  { input: 'a pattern that repeats 2,000 times', definition: schema({ a: { type: 'string', pattern: '(ab){2000}' } }) },
  {
    input: 'a reference to itself',
    definition: schema({ a: { $ref: '#/$defs/a' } }, { $defs: { a: schema({ b: { $ref: '#/$defs/a' } }) } }),
  },
  { input: 'a reference to the web', definition: schema({ a: { $ref: 'https://example.com/nowhere.json' } }) },
  {
    input: 'a definition of 300 KiB',
    definition: schema({ a: { type: 'string', description: 'x'.repeat(300 * 1024) } }),
  },
  {
    input: 'a definition with 2,001 properties',
    definition: schema(Object.fromEntries(Array.from({ length: 2001 }, (_, at) => [`p${at}`, {}]))),
  },
  { input: 'a definition that nests 40 deep', definition: nested(40) },
  {
    input: 'a definition that unfolds without end',
    definition: schema({ a: { $ref: '#/$defs/d0' } }, { $defs: { ...doubling, d20: {} } }),
  },
  {
    input: '11,000 branches in one allOf',
    definition: { allOf: Array.from({ length: 11_000 }, (_, at) => ({ required: [`p${at}`] })) },
  },
  {
    input: '9,000 anyOf in an anyOf',
    definition: { type: 'object', anyOf: Array.from({ length: 9_000 }, () => ({ anyOf: [{}] })) },
  },
  {
    input: '2,000 large patterns',
    definition: schema(
      Object.fromEntries(
        Array.from({ length: 2_000 }, (_, at) => [`p${at}`, { type: 'string', pattern: `^(x?){600}${at}$` }]),
      ),
    ),
  },
  {
    input: 'a list of 40,000 types',
    definition: schema({ a: { type: Array.from({ length: 40_000 }, (_, at) => at) } }),
  },
  {
    input: 'a reference with a broken percent sign',
    definition: schema({ a: { $ref: '#/$defs/%zz' } }, { $defs: { '%zz': {} } }),
  },
  { input: 'a property that begins with an underscore', definition: schema({ _id: { type: 'string' } }) },
  { input: 'a property called timestamp_day', definition: schema({ timestamp_day: { type: 'string' } }) },
  { input: 'two properties that differ only in case', definition: schema({ place: schema({ City: {}, city: {} }) }) },
  {
    input: 'a class and a schema that disagree',
    definition: schema({ a: { type: 'integer' } }),
    classDefinition: schema({ a: { type: 'string' } }),
  },
  { input: 'no timestamp, for a dataset', definition: schema({ a: {} }), asDataset: true },
  {
    input: 'an optional timestamp, for a dataset',
    definition: schema({ timestamp: { type: 'string', format: 'date-time' } }),
    asDataset: true,
  },
]
