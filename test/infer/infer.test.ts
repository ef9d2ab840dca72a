import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { inferDefinition, readSamples, type Proposal } from '../../src/infer/index.ts'
import { anySeed } from '../kit/seed.ts'

const AT = '2026-11-25T08:00:00Z'
const infer = (samples: readonly unknown[]): Promise<Proposal> =>
  inferDefinition(readSamples(Buffer.from(JSON.stringify(samples)), 'json'))
const fromText = (text: string): Promise<Proposal> => inferDefinition(readSamples(Buffer.from(text), 'ndjson'))
const propertiesOf = ({ definition }: Proposal): Record<string, unknown> =>
  definition['properties'] as Record<string, unknown>
const noted = ({ notes }: Proposal, pointer: string): string =>
  notes
    .filter((note) => note.pointer === pointer)
    .map(({ message }) => message)
    .join('; ')

test('scalars have their types, texts the format that all of them have', async () => {
  const proposal = await infer(
    ['a', 'b', 'c'].map((letter, at) => ({
      timestamp: AT,
      id: `01900000-0000-7000-8000-00000000000${at}`,
      day: `2026-11-0${at + 1}`,
      at: `0${at}:30:00`,
      mail: `${letter}@example.com`,
      ip: `10.0.0.${at}`,
      link: `https://example.com/${letter}`,
      word: letter,
      whole: at,
      part: at + 0.5,
      both: at === 0 ? 1 : 1.5,
      yes: at > 0,
    })),
  )
  assert.deepEqual(propertiesOf(proposal), {
    timestamp: { type: 'string', format: 'date-time' },
    id: { type: 'string', format: 'uuid' },
    day: { type: 'string', format: 'date' },
    at: { type: 'string', format: 'time' },
    mail: { type: 'string', format: 'email' },
    ip: { type: 'string', format: 'ipv4' },
    link: { type: 'string', format: 'uri' },
    word: { type: 'string' },
    whole: { type: 'integer' },
    part: { type: 'number' },
    both: { type: 'number' },
    yes: { type: 'boolean' },
  })
  assert.equal(proposal.accepted, 3)
  assert.match(noted(proposal, '/properties/mail'), /person/)
  assert.match(noted(proposal, '/required'), /after 3 samples/)
})

test('what is always there is required, what was null may be, and what was both is written so', async () => {
  const proposal = await infer([
    { timestamp: AT, always: 1, sometimes: 'x', empty: null, inner: { a: 1, b: null } },
    { timestamp: AT, always: null, empty: null, inner: { a: 2 }, mixed: 1 },
    { timestamp: AT, always: 2, empty: null, inner: { a: 3, b: true }, mixed: 'two' },
  ])
  assert.deepEqual(proposal.definition['required'], ['timestamp', 'always', 'empty', 'inner'])
  const { always, empty, inner, mixed } = propertiesOf(proposal)
  assert.deepEqual(always, { type: ['integer', 'null'] })
  assert.deepEqual(empty, {})
  assert.deepEqual(inner, {
    type: 'object',
    properties: { a: { type: 'integer' }, b: { type: ['boolean', 'null'] } },
    required: ['a'],
  })
  assert.deepEqual(mixed, { type: ['integer', 'string'] })
  assert.match(noted(proposal, '/properties/mixed'), /JSON text/)
  assert.match(noted(proposal, '/properties/empty'), /always null/)
  assert.equal(proposal.accepted, 3)
})

test('few values that repeat are an enumeration, with null where null was seen; many, or one, are not', async () => {
  const samples = Array.from({ length: 40 }, (_, at) => ({
    timestamp: AT,
    plan: ['free', 'pro'][at % 2],
    maybe: at % 4 === 0 ? null : ['a', 'b'][at % 2],
    city: `city ${at}`,
    constant: 'page_view',
    rare: at === 0 ? 'once' : 'often',
  }))
  const { plan, maybe, city, constant, rare } = propertiesOf(await infer(samples))
  assert.deepEqual(plan, { type: 'string', enum: ['free', 'pro'] })
  assert.deepEqual(maybe, { type: ['string', 'null'], enum: ['a', 'b', null] })
  for (const one of [city, constant, rare]) assert.deepEqual(one, { type: 'string' })
  assert.equal((await infer(samples)).accepted, 40)
})

test('lists have the type of all their items, objects whose names are data are maps', async () => {
  const proposal = await infer([
    {
      timestamp: AT,
      tags: ['a', 'b'],
      lines: [{ sku: 'x', n: 1 }, { sku: 'y' }],
      none: [],
      days: { '2026-01-01': 1, '2026-01-02': 2.5 },
    },
    { timestamp: AT, tags: [], lines: [], none: [], days: { '2026-01-03': 3 } },
  ])
  assert.deepEqual(propertiesOf(proposal), {
    timestamp: { type: 'string', format: 'date-time' },
    tags: { type: 'array', items: { type: 'string' } },
    lines: {
      type: 'array',
      items: { type: 'object', properties: { sku: { type: 'string' }, n: { type: 'integer' } }, required: ['sku'] },
    },
    none: { type: 'array' },
    days: { type: 'object', additionalProperties: { type: 'number' } },
  })
  assert.match(noted(proposal, '/properties/days'), /map/)
  assert.equal(proposal.accepted, 2)
})

test('numbers are judged by their digits, as their columns do', async () => {
  const proposal = await fromText(`
    {"timestamp":"${AT}","long":9223372036854775807,"wide":92233720368547758070,"mixed":9007199254740993,"exp":1e3}
    {"timestamp":"${AT}","long":-9223372036854775808,"wide":1,"mixed":0.5,"exp":2}`)
  const { long, wide, mixed, exp } = propertiesOf(proposal)
  assert.deepEqual([long, exp], [{ type: 'integer' }, { type: 'integer' }])
  // 9007199254740993 is no double, and 0.5 no whole number.
  assert.deepEqual([wide, mixed], [{}, {}])
  assert.match(noted(proposal, '/properties/mixed'), /JSON text/)
  assert.equal(proposal.accepted, 2)
})

test('names that cannot be columns are kept all the same, and told', async () => {
  const proposal = await infer([
    {
      timestamp: AT,
      _id: 1,
      Name: 'a',
      name: 'b',
      timestamp_day: 'x',
      inner: { $ok: 1, _no: 2 },
      ['__proto__']: 1,
      '': 2,
    },
    { timestamp: AT, ['n'.repeat(300)]: 1 },
  ])
  assert.deepEqual(Object.keys(propertiesOf(proposal)), ['timestamp', 'Name', 'inner'])
  assert.deepEqual(propertiesOf(proposal)['inner'], { type: 'object' })
  assert.equal(proposal.definition['additionalProperties'], true)
  assert.match(noted(proposal, ''), /"_id" begins with "_".*"name" differs from another one only in case/)
  assert.match(noted(proposal, '/properties/inner'), /free-form: "_no"/)
  assert.equal(proposal.accepted, 2)
})

test('without a usable timestamp the proposal still makes a dataset, and says what may be one', async () => {
  for (const timestamp of [undefined, 1_764_057_600, '2026-11-25 08:00:00']) {
    const proposal = await infer([{ timestamp, created: AT, 'Flight Date': '1/8/90 0:00' }])
    assert.equal(propertiesOf(proposal)['timestamp'], undefined)
    assert.equal(proposal.definition['$class'], 'https://ns.azothedge.com/pdm/class/interaction-event')
    const says = timestamp === '2026-11-25 08:00:00' ? /send it whole/ : /"created" or "Flight Date" may be it/
    assert.match(noted(proposal, ''), says)
    assert.equal(proposal.definition['required'], undefined, 'what is mapped is not there under its own name')
    assert.equal(proposal.accepted, 0)
    assert.equal(proposal.refused[0]?.errors[0]?.pointer, '/timestamp')
  }
})

test('a thousand names, long names and deep nesting are bounded, and nothing of them is refused', async () => {
  const wide = Object.fromEntries(Array.from({ length: 4_000 }, (_, at) => [`field_${at}_${'x'.repeat(at % 90)}`, at]))
  let deep: unknown = 1
  for (let level = 0; level < 60; level++) deep = level % 2 === 0 ? { in: deep } : [deep]
  const proposal = await infer([
    { timestamp: AT, deep, ...wide },
    { timestamp: AT, nested: wide },
  ])
  assert.equal(proposal.accepted, 2)
  assert.ok(Object.keys(propertiesOf(proposal)).length > 900)
})

/** Values that are known to make trouble: every kind, odd names, null, mixtures. Numbers that no column keeps are left out. */
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(
      null,
      true,
      false,
      0,
      1,
      -1,
      1.5,
      2 ** 53,
      1e300,
      '',
      'a',
      AT,
      '2026-01-01',
      'x@y.zz',
      '::1',
      '10.50',
    ),
    fc.integer(),
    fc
      .double({ noNaN: true, noDefaultInfinity: true, min: -1e15, max: 1e15 })
      .filter((n) => n === 0 || Math.abs(n) > 1e-300),
    fc.string({ unit: 'grapheme' }),
    fc.array(tie('any'), { maxLength: 4 }),
    tie('object'),
  ),
  object: fc.dictionary(
    fc.oneof(
      fc.constantFrom(
        'a',
        'A',
        'b',
        'c d',
        '_x',
        '',
        'timestamp_day',
        'constructor',
        '__proto__',
        '1',
        '2',
        'é',
        '/',
        '~',
      ),
      fc.string({ maxLength: 4 }),
    ),
    tie('any'),
    { maxKeys: 5 },
  ),
}))

test('whatever the samples are, the proposal takes every one of them', async () => {
  const seed = anySeed()
  await fc.assert(
    fc.asyncProperty(fc.array(value.object, { minLength: 1, maxLength: 30 }), async (objects) => {
      const samples = objects.map((one) => ({ ...(one as object), timestamp: AT }))
      const { accepted, refused } = await infer(samples)
      assert.equal(accepted, samples.length, JSON.stringify(refused))
    }),
    { seed, numRuns: Number(process.env['TEST_RUNS'] ?? 300) },
  )
})
