import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { DataFile } from '../../src/lake/index.ts'
import { newestFiles } from '../../src/preview/newest.ts'

const FIELD = 4

function bound(micros: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigInt64(0, BigInt(micros), true)
  return bytes
}

function fileOf(name: string, instants: readonly number[], bounded = true): DataFile {
  const none = new Map<number, never>()
  return {
    location: name,
    day: 0,
    rows: instants.length,
    bytes: 1,
    columnSizes: none,
    valueCounts: none,
    nullCounts: none,
    nanCounts: none,
    lowerBounds: bounded ? new Map([[FIELD, bound(Math.min(...instants))]]) : none,
    upperBounds: bounded ? new Map([[FIELD, bound(Math.max(...instants))]]) : none,
  }
}

test('of a table in order only the newest files are read, newest first', () => {
  const files = [0, 100, 200, 300].map((from) => fileOf(`f${from}`, [from, from + 50, from + 99]))
  assert.deepEqual(
    newestFiles(files, FIELD, 3).map((file) => file.location),
    ['f300'],
  )
  assert.deepEqual(
    newestFiles(files, FIELD, 4).map((file) => file.location),
    ['f300', 'f200'],
  )
  assert.equal(newestFiles(files, FIELD, 1_000).length, 4)
})

test('a file without bounds is always read', () => {
  const files = [fileOf('old', [1, 2]), fileOf('new', [100, 101]), fileOf('unknown', [50], false)]
  assert.deepEqual(
    newestFiles(files, FIELD, 1).map((file) => file.location),
    ['unknown', 'new'],
  )
})

test('the newest rows of the chosen files are the newest rows of all files', () => {
  const instants = fc.array(fc.integer({ min: -1_000, max: 1_000 }), { minLength: 1, maxLength: 6 })
  const table = fc.array(fc.tuple(instants, fc.boolean()), { maxLength: 12 })
  fc.assert(
    fc.property(table, fc.integer({ min: 1, max: 20 }), (parts, limit) => {
      const rowsOf = new Map(parts.map(([rows], at) => [String(at), rows]))
      const files = parts.map(([rows, bounded], at) => fileOf(String(at), rows, bounded))
      const newest = (chosen: readonly DataFile[]) =>
        chosen
          .flatMap((file) => rowsOf.get(file.location) ?? [])
          .sort((a, b) => b - a)
          .slice(0, limit)
      assert.deepEqual(newest(newestFiles(files, FIELD, limit)), newest(files))
    }),
    { numRuns: 1_000 },
  )
})
