import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canonicalUuid, deriveId, isUuid, uuidBytes, uuidText, uuidv7 } from '../../src/event/index.ts'

test('ids are UUIDv7, unique and strictly increasing, many within one millisecond', () => {
  let last = ''
  for (let at = 0; at < 50_000; at++) {
    const id = uuidv7()
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    assert.ok(id > last, `${id} after ${last}`)
    last = id
  }
})

test('an id begins with its time, and a clock that steps back is not followed', () => {
  const ahead = Date.now() + 60_000
  const first = uuidv7(ahead)
  assert.equal(Number.parseInt(first.replaceAll('-', '').slice(0, 12), 16), ahead)
  assert.ok(uuidv7(ahead - 5_000) > first)
})

test('only the canonical form is a UUID, in either case', () => {
  assert.ok(isUuid('018F4C6E-0000-7000-8000-00000000000F'))
  for (const no of [
    '018f4c6e000070008000000000000000',
    '{018f4c6e-0000-7000-8000-000000000000}',
    'urn:uuid:018f4c6e-0000-7000-8000-000000000000',
    '',
    7,
    null,
    '018f4c6e-0000-7000-8000-00000000000g',
  ]) {
    assert.equal(isUuid(no), false, String(no))
  }
  assert.equal(canonicalUuid('018F4C6E-0000-7000-8000-00000000000F'), '018f4c6e-0000-7000-8000-00000000000f')
})

test('a UUID goes to bytes and back', () => {
  const id = uuidv7()
  assert.equal(uuidText(uuidBytes(id)), id)
})

test('a derived id depends on the key and the position alone', () => {
  const [key, other] = [uuidv7(), uuidv7()]
  assert.equal(deriveId(key, 3), deriveId(key.toUpperCase(), 3))
  assert.equal(new Set([deriveId(key, 0), deriveId(key, 1), deriveId(other, 0), deriveId(key, 4_000_000_000)]).size, 4)
  assert.match(deriveId(key, 0), /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
})
