import assert from 'node:assert/strict'
import { test } from 'node:test'
import { daySpec } from '../../src/lake/day.ts'
import { assignIds, dayName, dayOfMicros, isLakeFault } from '../../src/lake/index.ts'
import { column } from './workbench.ts'

test('days are rounded towards the past', () => {
  assert.equal(dayOfMicros(0n), 0)
  assert.equal(dayOfMicros(-1n), -1)
  assert.equal(dayOfMicros(86_399_999_999n), 0)
  assert.equal(dayOfMicros(86_400_000_000n), 1)
  assert.equal(dayOfMicros(-86_400_000_000n), -1)
  assert.equal(dayOfMicros(-86_400_000_001n), -2)
  assert.equal(dayName(0), '1970-01-01')
  assert.equal(dayName(dayOfMicros(BigInt(Date.UTC(2200, 11, 31, 23, 59)) * 1000n)), '2200-12-31')
})

test('only a required timestamptz can be partitioned by', () => {
  const schema = assignIds([
    column('at', 'timestamptz', { required: true }),
    column('optional', 'timestamptz'),
    column('text', 'string', { required: true }),
    column('odd name.1', 'timestamptz', { required: true }),
  ]).schema
  assert.deepEqual(daySpec(schema, 1), {
    'spec-id': 0,
    fields: [{ name: 'at_day', transform: 'day', 'source-id': 1, 'field-id': 1000 }],
  })
  assert.equal(daySpec(schema, 4).fields[0]?.name, 'odd_name_1_day', 'the name can stand in Avro')
  for (const id of [2, 3, 9]) {
    assert.throws(
      () => daySpec(schema, id),
      (error) => isLakeFault(error, 'schema_refused'),
    )
  }
})
