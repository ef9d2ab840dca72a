import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assignIds, isLakeFault, type DraftField } from '../../src/lake/index.ts'
import { column } from './workbench.ts'

const NESTED: DraftField[] = [
  column('a', 'long', { required: true }),
  column('s', { struct: [column('x', 'string', { key: 'X' }), column('y', { list: 'json' })] }),
  column('m', { map: { struct: [column('q', 'decimal(10, 2)')] }, valueRequired: true }),
  column('l', { list: 'uuid', elementRequired: true }),
]

test('ids go over a struct’s fields first, then below each in order', () => {
  const { schema, lastColumnId, fields } = assignIds(NESTED)
  assert.deepEqual(schema, {
    type: 'struct',
    'schema-id': 0,
    fields: [
      { id: 1, name: 'a', required: true, type: 'long' },
      {
        id: 2,
        name: 's',
        required: false,
        type: {
          type: 'struct',
          fields: [
            { id: 5, name: 'x', required: false, type: 'string' },
            {
              id: 6,
              name: 'y',
              required: false,
              type: { type: 'list', 'element-id': 7, element: 'string', 'element-required': false },
            },
          ],
        },
      },
      {
        id: 3,
        name: 'm',
        required: false,
        type: {
          type: 'map',
          'key-id': 8,
          key: 'string',
          'value-id': 9,
          value: { type: 'struct', fields: [{ id: 10, name: 'q', required: false, type: 'decimal(10, 2)' }] },
          'value-required': true,
        },
      },
      {
        id: 4,
        name: 'l',
        required: false,
        type: { type: 'list', 'element-id': 11, element: 'uuid', 'element-required': true },
      },
    ],
  })
  assert.equal(lastColumnId, 11)
  assert.deepEqual(fields, [
    { fieldId: 1, key: 'a' },
    {
      fieldId: 2,
      key: 's',
      children: [
        { fieldId: 5, key: 'X' },
        { fieldId: 6, key: 'y', children: [{ fieldId: 7, key: 'element', json: true }] },
      ],
    },
    {
      fieldId: 3,
      key: 'm',
      children: [{ fieldId: 9, key: 'value', children: [{ fieldId: 10, key: 'q' }] }],
    },
    { fieldId: 4, key: 'l', children: [{ fieldId: 11, key: 'element' }] },
  ])
})

test('columns that no table can have are refused by name', () => {
  for (const columns of [
    [],
    [column('', 'int')],
    [column('a\0b', 'int')],
    [column('a', 'int'), column('A', 'int')],
    [column('s', { struct: [] })],
    [column('s', { struct: [column('x', 'int'), column('X', 'int')] })],
  ]) {
    assert.throws(
      () => assignIds(columns),
      (error) => isLakeFault(error, 'schema_refused'),
      JSON.stringify(columns),
    )
  }
})
