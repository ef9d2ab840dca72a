import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem } from '../../src/problems/index.ts'
import { pageOf, positionOf } from '../../src/registry/pages.ts'

const rowAt = (at: number) => ({
  id: `01900000-0000-7000-8000-${String(at).padStart(12, '0')}`,
  created_at: `2026-11-25T08:00:00.${String(at).padStart(6, '0')}Z`,
})

test('a page of exactly the limit has no next page, one row more gives a cursor to the last row shown', () => {
  const rows = [rowAt(3), rowAt(2), rowAt(1)]
  assert.equal(pageOf(rows, 3).next_cursor, null)
  const page = pageOf(rows, 2)
  assert.deepEqual(page.items, rows.slice(0, 2))
  assert.deepEqual(positionOf(page.next_cursor ?? ''), { createdAt: rowAt(2).created_at, id: rowAt(2).id })
})

test('an empty list is an empty page', () => {
  assert.deepEqual(pageOf([], 50), { items: [], next_cursor: null })
})

test('a cursor that no list answered is refused by name, whatever it holds', () => {
  const texts = [
    '',
    'x',
    '!!!',
    '2026-11-25T08:00:00.000001Z/',
    '2026-13-25T08:00:00.000001Z/01900000-0000-7000-8000-000000000001',
    '2026-02-30T08:00:00.000001Z/01900000-0000-7000-8000-000000000001',
    '9999-12-31T24:00:00.000000Z/01900000-0000-7000-8000-000000000001',
    '0000-01-01T00:00:00.000000Z/01900000-0000-7000-8000-000000000001',
    "2026-11-25T08:00:00.000001Z/'; DROP TABLE tenants",
    '\0',
    'a'.repeat(10_000),
  ]
  for (const text of texts) {
    for (const cursor of [text, Buffer.from(text).toString('base64url')]) {
      assert.throws(
        () => positionOf(cursor),
        (error) => error instanceof Problem && error.code === 'invalid_parameter',
        cursor,
      )
    }
  }
})
