import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalId } from '../../src/ingest/event-id.ts'

test('a canonical id is taken as it is, without a copy', () => {
  const key = Buffer.from('01900000-0000-7000-8000-0000000000ab')
  assert.equal(canonicalId(key), key)
})

test('an id in capitals is the same id in lower case', () => {
  fc.assert(
    fc.property(fc.uuid(), (id) => {
      assert.equal(canonicalId(Buffer.from(id.toUpperCase()))?.toString(), id)
    }),
  )
})

test('anything else is no id', () => {
  for (const bad of [
    '',
    'x',
    '01900000-0000-7000-8000-0000000000a',
    '01900000-0000-7000-8000-0000000000abc',
    '0190000000000-7000-8000-0000000000ab',
    'g1900000-0000-7000-8000-0000000000ab',
    '{1900000-0000-7000-8000-000000000ab}',
  ]) {
    assert.equal(canonicalId(Buffer.from(bad)), null, bad)
  }
  assert.equal(canonicalId(null), null)
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 36, maxLength: 36 }), (bytes) => {
      const text = Buffer.from(bytes).toString('latin1')
      const isId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)
      assert.equal(canonicalId(Buffer.from(bytes)) !== null, isId)
    }),
  )
})
