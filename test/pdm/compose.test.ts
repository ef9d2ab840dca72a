import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  columnsOf,
  compileValidator,
  compose,
  composedFrom,
  type Composition,
  type Definition,
} from '../../src/pdm/index.ts'
import { Problem } from '../../src/problems/index.ts'

const alone = (definition: Definition, more: Partial<Composition> = {}) =>
  compose({ definition, fieldGroups: [], resolve: () => undefined, ...more })
const refusal = (act: () => unknown): Problem => {
  try {
    act()
  } catch (error) {
    assert.ok(error instanceof Problem, String(error))
    return error
  }
  return assert.fail('nothing was refused')
}
const object = (properties: Record<string, unknown>, more: Record<string, unknown> = {}): Definition => ({
  type: 'object',
  properties,
  ...more,
})

test('class, field groups and definition are one schema, closed at every depth', () => {
  const composed = compose({
    uri: 'https://test.example/order',
    definition: object(
      { lines: { type: 'array', items: object({ sku: { type: 'string' } }) } },
      { title: 'Order', required: ['lines'] },
    ),
    class: {
      uri: 'https://test.example/class',
      definition: object(
        { timestamp: { type: 'string', format: 'date-time' } },
        { required: ['timestamp'], title: 'Event' },
      ),
    },
    fieldGroups: [
      {
        uri: 'https://test.example/group',
        definition: object({ who: object({ id: { type: 'string' } }) }, { additionalProperties: true }),
      },
    ],
    resolve: () => undefined,
  })
  const { schema } = composed
  assert.deepEqual(Object.keys(schema['properties'] as object), ['timestamp', 'who', 'lines'])
  assert.deepEqual(
    [schema['required'], schema['title'], schema['$id']],
    [['timestamp', 'lines'], 'Order', 'https://test.example/order'],
  )
  const validate = compileValidator(
    alone(object({ who: object({ id: { type: 'string' } }), lines: { type: 'array', items: object({ sku: {} }) } })),
  )
  assert.deepEqual(
    validate({ who: { id: 'a', x: 1 }, lines: [{ sku: 1, y: 2 }], z: 3 })
      ?.map((fault) => fault.pointer)
      .toSorted(),
    ['/lines/0/y', '/who/x', '/z'],
  )
})

test('the same parts give the same text, and the text is all that need be kept', () => {
  const make = () => alone(object({ b: { type: 'string' }, a: object({ x: {} }) }, { required: ['a'] }))
  assert.equal(make().text, make().text)
  const { origins: _origins, ...kept } = make()
  assert.deepEqual(composedFrom(make().text), kept)
  assert.deepEqual(columnsOf(composedFrom(make().text)), columnsOf(make()))
})

test("the schema's own word on other properties wins, then the class's, then the field groups'", () => {
  const parts = (own: object, cls: object, group: object) =>
    alone(
      { type: 'object', properties: {}, ...own },
      { class: { uri: 'c', definition: { ...cls } }, fieldGroups: [{ uri: 'g', definition: { ...group } }] },
    ).schema['additionalProperties']
  assert.equal(parts({}, {}, {}), false)
  assert.equal(parts({}, {}, { additionalProperties: true }), true)
  assert.equal(parts({}, { additionalProperties: false }, { additionalProperties: true }), false)
  assert.equal(parts({ additionalProperties: true }, { additionalProperties: false }, {}), true)
})

test('parts that disagree are refused with both places named', () => {
  const problem = refusal(() =>
    alone(object({ who: object({ age: { type: 'string' } }) }), {
      fieldGroups: [
        { uri: 'https://test.example/person', definition: object({ who: object({ age: { type: 'integer' } }) }) },
      ],
    }),
  )
  assert.equal(problem.code, 'composition_conflict')
  assert.match(
    problem.message,
    /field group https:\/\/test\.example\/person and the schema disagree at \/properties\/who\/properties\/age\/type: integer and string/,
  )
  assert.deepEqual(
    problem.errors?.map(({ pointer }) => pointer),
    ['/field_group_uris/0', '/definition/properties/who/properties/age/type'],
  )
})

test('what disagrees within one definition is named where it stands there', () => {
  const place: Definition = object({ city: { type: 'string' } })
  const cases: readonly (readonly [property: object, message: string, pointers: readonly string[]])[] = [
    [
      { allOf: [{ type: 'string' }, { type: 'integer' }] },
      'the schema at /properties/p/allOf/0 and the schema at /properties/p/allOf/1 disagree at /properties/p/type: string and integer',
      ['/definition/properties/p/allOf/0/type', '/definition/properties/p/allOf/1/type'],
    ],
    [
      { minLength: 1, type: 'integer', allOf: [{ type: 'string' }] },
      'the schema at /properties/p and the schema at /properties/p/allOf/0 disagree at /properties/p/type: integer and string',
      ['/definition/properties/p/type', '/definition/properties/p/allOf/0/type'],
    ],
    [
      { $ref: 'https://test.example/place', type: 'string' },
      'datatype https://test.example/place and the schema at /properties/p disagree at /properties/p/type: object and string',
      ['/definition/properties/p/$ref', '/definition/properties/p/type'],
    ],
    [
      { $ref: 'https://test.example/place#/$defs/none' },
      'the schema at /properties/p refers to https://test.example/place#/$defs/none, and datatype https://test.example/place has no such part',
      ['/definition/properties/p/$ref'],
    ],
  ]
  for (const [property, message, pointers] of cases) {
    const problem = refusal(() => alone(object({ p: property }), { resolve: () => place }))
    assert.ok(problem.message.startsWith(message), problem.message)
    assert.deepEqual(
      problem.errors?.map(({ pointer }) => pointer),
      pointers,
    )
  }
})

test('a definition may narrow what a part says, and annotations never conflict', () => {
  const group = {
    uri: 'g',
    definition: object({ n: { type: ['number', 'null'], minimum: 0, title: 'N', description: 'theirs' } }),
  }
  const { schema } = alone(object({ n: { type: 'integer', minimum: 5, maximum: 9, description: 'ours' } }), {
    fieldGroups: [group],
  })
  assert.deepEqual((schema['properties'] as Record<string, unknown>)['n'], {
    type: 'integer',
    minimum: 5,
    title: 'N',
    description: 'ours',
    maximum: 9,
  })
})

test('a datatype is put in place wherever it is referred to, with its own parts', () => {
  const types: Record<string, Definition> = {
    'https://test.example/geo': object(
      { lat: { $ref: '#/$defs/degrees' }, lon: { $ref: '#/$defs/degrees' } },
      { $defs: { degrees: { type: 'number' } } },
    ),
    'https://test.example/address': object({ street: { type: 'string' }, at: { $ref: 'https://test.example/geo' } }),
  }
  const composed = alone(object({ home: { $ref: 'https://test.example/address', description: 'Where they live' } }), {
    resolve: (uri) => types[uri],
  })
  assert.ok(!composed.text.includes('$ref') && !composed.text.includes('$defs'))
  const home = columnsOf(composed).columns[0]
  assert.equal(home?.doc, 'Where they live')
  assert.deepEqual(home?.type, {
    struct: [
      { name: 'street', required: false, type: 'string' },
      {
        name: 'at',
        required: false,
        type: {
          struct: [
            { name: 'lat', required: false, type: 'double' },
            { name: 'lon', required: false, type: 'double' },
          ],
        },
      },
    ],
  })
  assert.equal(compileValidator(composed)({ home: { at: { lat: 1, lon: 2, alt: 3 } } })?.[0]?.pointer, '/home/at/alt')
})

test('a reference that cannot be seen, or that leads back to itself, is refused with its place', () => {
  assert.equal(refusal(() => alone(object({ a: { $ref: 'https://test.example/none' } }))).code, 'reference_not_found')
  assert.equal(refusal(() => alone(object({ a: { $ref: '#/$defs/none' } }))).code, 'reference_not_found')
  const types: Record<string, Definition> = {
    'https://x.example/a': object({ b: { $ref: 'https://x.example/b' } }),
    'https://x.example/b': object({ a: { $ref: 'https://x.example/a' } }),
  }
  const cycle = refusal(() => alone(object({ a: { $ref: 'https://x.example/a' } }), { resolve: (uri) => types[uri] }))
  assert.equal(cycle.code, 'definition_invalid')
  assert.match(cycle.message, /refers to itself/)
})

test('names that every JavaScript object has are names like any other', () => {
  const composed = alone(
    object({ constructor: { type: 'string' }, toString: { type: 'integer' } }, { required: ['toString'] }),
    {
      fieldGroups: [{ uri: 'g', definition: object({ hasOwnProperty: { type: 'boolean' } }) }],
    },
  )
  const validate = compileValidator(composed)
  assert.equal(validate({ toString: 1 }), null)
  assert.equal(validate({})?.[0]?.pointer, '/toString')
  assert.equal(validate(JSON.parse('{"toString":1,"__proto__":{}}'))?.[0]?.pointer, '/__proto__')
})

/** Of CPU, so that what else the machine does fails nothing: each of these took 4 to 10 s and now takes a tenth of one. */
const cpuMs = (act: () => unknown): number => {
  const from = process.cpuUsage()
  act()
  const { user, system } = process.cpuUsage(from)
  return (user + system) / 1000
}
const MOMENT_MS = 2_000
const many = <T>(count: number, one: (at: number) => T): T[] => Array.from({ length: count }, (_, at) => one(at))

test('what would take seconds to put together is refused at once: the whole process waits for it', () => {
  const wide = Object.fromEntries(many(1_900, (at) => [`a${at}`, {}]))
  const heavy = many(16_000, (at) => `a${at}`)
  const group = (at: number) => ({ uri: `https://test.example/${at}`, definition: { anyOf: many(400, () => ({})) } })
  const refused: readonly (readonly [Definition, Partial<Composition>, RegExp])[] = [
    [{ allOf: many(11_000, (at) => ({ required: [`a${at}`] })) }, {}, /the schema has 11000 branches in one allOf/],
    [object(wide, { anyOf: many(9_000, () => ({ anyOf: [{}] })) }), {}, /has 18000 branches \(anyOf, /],
    [
      object(Object.fromEntries(many(8, (at) => [`a${at}`, { $ref: '#/$defs/heavy' }])), {
        $defs: { heavy: { type: 'object', required: heavy } },
      }),
      {},
      /the schema lists more than 100000 names and values/,
    ],
    [
      object({}),
      { fieldGroups: many(60, group) },
      /field group https:\/\/test.example\/49 makes more than 20000 subschemas/,
    ],
  ]
  for (const [definition, more, message] of refused) {
    const took = cpuMs(() => {
      const problem = refusal(() => alone(definition, more))
      assert.equal(problem.code, 'schema_too_large')
      assert.match(problem.message, message)
    })
    assert.ok(took < MOMENT_MS, `${took} ms`)
  }
})

test('two lists of tens of thousands of values are one list of those that both have, in a moment', () => {
  const values = many(35_000, (at) => at)
  const odd = {
    uri: 'https://test.example/odd',
    definition: object({ n: { enum: values.filter((at) => at % 2 === 1) } }),
  }
  const took = cpuMs(() => {
    const { schema } = alone(object({ n: { enum: values } }), { fieldGroups: [odd] })
    const { n } = schema['properties'] as { n: { enum: unknown[] } }
    assert.equal(n.enum.length, 17_500)
  })
  assert.ok(took < MOMENT_MS, `${took} ms`)
})

test('a reference whose percent signs are no character is refused like any that leads nowhere', () => {
  const problem = refusal(() => alone(object({ a: { $ref: '#/$defs/%zz' } }, { $defs: { '%zz': {} } })))
  assert.equal(problem.code, 'reference_not_found')
})
