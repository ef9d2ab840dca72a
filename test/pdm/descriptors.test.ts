import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compose } from '../../src/pdm/compose.ts'
import {
  checkDescriptor,
  DESCRIPTOR_KINDS,
  noPlace,
  placeFault,
  schemaAt,
  stepsOf,
  type DescriptorKind,
} from '../../src/pdm/descriptors.ts'
import type { Definition } from '../../src/pdm/keywords.ts'
import { Problem } from '../../src/problems/index.ts'

const composed = compose({
  definition: {
    type: 'object',
    properties: {
      user: { type: ['string', 'null'] },
      age: { type: 'integer' },
      score: { type: 'number' },
      'a/b~c': { type: 'string' },
      place: {
        type: 'object',
        properties: { city: { type: 'string' }, tags: { type: 'array', items: { type: 'string' } } },
      },
      items: { type: 'array', items: { type: 'object', properties: { sku: { type: 'string' } } } },
      counts: { type: 'object', additionalProperties: { type: 'integer' } },
      free: { type: 'object' },
    },
    if: { properties: { age: { const: 1 } } },
    // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
    then: { properties: { guardian: { type: 'string' } } },
  },
  fieldGroups: [],
  resolve: () => undefined,
})

const GOOD: Readonly<Record<DescriptorKind, readonly Definition[]>> = {
  identity: [{}, { namespace: 'visitor', primary: true }, { primary: false }],
  relationship: [{ to: 'https://x.example/s' }, { to: 'urn:x:s', field: '/id' }],
  label: [{ labels: ['pii'] }, { labels: ['pii', 'gdpr-9', 'a_b'] }],
  friendly_name: [{ name: 'Visitor' }],
  rename: [{ from: '/old' }],
}
const BAD: Readonly<Record<DescriptorKind, readonly (readonly [Definition, string])[]>> = {
  identity: [
    [{ namespace: 7 }, '/definition/namespace'],
    [{ namespace: '' }, '/definition/namespace'],
    [{ primary: 'yes' }, '/definition/primary'],
    [{ labels: ['pii'] }, '/definition/labels'],
  ],
  relationship: [
    [{}, '/definition/to'],
    [{ to: 'nowhere' }, '/definition/to'],
    [{ to: 'urn:x:s', field: 'id' }, '/definition/field'],
    [{ to: 'urn:x:s', field: '' }, '/definition/field'],
  ],
  label: [
    [{}, '/definition/labels'],
    [{ labels: [] }, '/definition/labels'],
    [{ labels: 'pii' }, '/definition/labels'],
    [{ labels: ['PII'] }, '/definition/labels'],
    [{ labels: ['pii', 'pii'] }, '/definition/labels'],
    [{ labels: Array.from({ length: 17 }, (_, at) => `l${at}`) }, '/definition/labels'],
  ],
  friendly_name: [
    [{}, '/definition/name'],
    [{ name: 'two\nlines' }, '/definition/name'],
    [{ name: 'x'.repeat(201) }, '/definition/name'],
    [{ name: 'nul\0' }, '/definition/name'],
  ],
  rename: [
    [{}, '/definition/from'],
    [{ from: '/a~2' }, '/definition/from'],
    [{ from: '/a', to: '/b' }, '/definition/to'],
  ],
}

for (const kind of DESCRIPTOR_KINDS) {
  test(`${kind}: its members and no others`, () => {
    for (const definition of GOOD[kind]) checkDescriptor(kind, definition, '/user')
    for (const [definition, pointer] of BAD[kind]) {
      assert.throws(
        () => checkDescriptor(kind, definition, '/user'),
        (error: unknown) => {
          assert.ok(error instanceof Problem && error.code === 'descriptor_invalid')
          assert.deepEqual(
            error.errors?.map((fault) => fault.pointer),
            [pointer],
            JSON.stringify(definition),
          )
          return true
        },
      )
    }
    for (const pointer of [undefined, '']) {
      assert.throws(() => checkDescriptor(kind, GOOD[kind][0] as Definition, pointer), /\/pointer is required/)
    }
  })
}

test('every place of an event is found: in objects, lists, maps and branches; and nothing else', () => {
  for (const pointer of [
    '/user',
    '/a~1b~0c',
    '/place',
    '/place/city',
    '/place/tags/*',
    '/items/*/sku',
    '/counts/*',
    '/free',
    '/guardian',
  ]) {
    assert.notEqual(schemaAt(composed, pointer), undefined, pointer)
  }
  for (const pointer of [
    '/nobody',
    '/place/street',
    '/items/sku',
    '/items/0',
    '/user/x',
    '/counts/x',
    '/free/x',
    '/__proto__',
    '/toString',
    'user',
  ]) {
    assert.equal(schemaAt(composed, pointer), undefined, pointer)
  }
})

test('what is no place is told with what there is instead', () => {
  const told = (pointer: string) =>
    noPlace(composed, pointer, 'urn:s').replace(`${pointer} is no place in events of urn:s: `, '')
  assert.match(told('/nobody'), /^at the top they have user, .*place/)
  assert.equal(told('/place/street'), 'in /place they have city, tags')
  assert.equal(told('/items/0/sku'), 'in /items * stands for every item or value')
  assert.equal(told('/counts/x'), 'in /counts * stands for every item or value')
  assert.equal(told('/free/x/y'), 'nothing in /free has a name')
  assert.equal(told('/place/tags/*/x'), 'nothing in /place/tags/* has a name')
  const names = Array.from({ length: 200 }, (_, at) => [`${at}${'x'.repeat(5_000)}`, { type: 'string' }])
  const definition = { type: 'object', properties: Object.fromEntries(names) }
  const many = compose({ definition, fieldGroups: [], resolve: () => undefined })
  assert.ok(noPlace(many, '/nobody', 'urn:s').length < 1_000)
})

test('an identity is one text or one whole number', () => {
  const fault = (pointer: string) => placeFault('identity', composed, pointer, 'urn:s')
  for (const pointer of ['/user', '/age', '/place/city']) assert.equal(fault(pointer), undefined, pointer)
  for (const pointer of ['/score', '/place', '/items', '/items/*/sku', '/place/tags/*', '/free', '/guardian']) {
    assert.equal(fault(pointer)?.keyword, 'type', pointer)
    assert.ok(fault(pointer)?.message.includes('urn:s') && fault(pointer)?.message.includes(pointer))
  }
  assert.equal(placeFault('label', composed, '/items/*/sku', 'urn:s'), undefined)
  assert.match(
    placeFault('label', composed, '/nobody', 'urn:s')?.message ?? '',
    /\/nobody is no place in events of urn:s/,
  )
})

test('a pointer is read as RFC 6901 has it', () => {
  assert.deepEqual(stepsOf('/a~1b/~0c/'), ['a/b', '~c', ''])
  assert.deepEqual(stepsOf(''), [])
  for (const bad of ['a', '/~', '/~2', '#/a']) assert.equal(stepsOf(bad), undefined, bad)
})
