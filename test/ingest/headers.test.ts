import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { FetchedRecord } from '../../src/bus/index.ts'
import { copyHeaders, isTime, openHeaderReader, readHeaders, usualHeaders } from '../../src/ingest/headers.ts'

const record = (headers: ReadonlyArray<readonly [string, string]>): FetchedRecord => ({
  offset: 0,
  timestampMs: 0,
  key: null,
  value: null,
  headers: headers.map(([name, value]) => [Buffer.from(name), Buffer.from(value)] as const),
})
const USUAL = [
  ['pulse-dataset', 'D'],
  ['pulse-schema', 'S'],
  ['pulse-received-at', 'R'],
  ['traceparent', 'T'],
] as const

test('the four headers are read, ids in lower case', () => {
  const reader = openHeaderReader()
  readHeaders(reader, record(USUAL))
  assert.deepEqual([reader.datasetId, reader.schemaId, reader.receivedAt, reader.traceparent], ['d', 's', 'R', 'T'])
  assert.equal(reader.usual, false, 'an id in capitals cannot be given back from what a row remembers')
})

test('whatever came before, a record is read as if it were the first', () => {
  const name = fc.constantFrom('pulse-dataset', 'pulse-schema', 'pulse-received-at', 'traceparent', 'pulse-reason', 'x')
  const headers = fc.array(fc.tuple(name, fc.constantFrom('', 'a', 'b', 'c')), { maxLength: 6 })
  fc.assert(
    fc.property(fc.array(headers, { minLength: 1 }), (records) => {
      const reader = openHeaderReader()
      for (const one of records) {
        readHeaders(reader, record(one))
        const first = (of: string): string => one.find(([key]) => key === of)?.[1] ?? ''
        assert.equal(reader.datasetId, first('pulse-dataset'))
        assert.equal(reader.schemaId, first('pulse-schema'))
        assert.equal(reader.receivedAt, first('pulse-received-at'))
        assert.equal(reader.traceparent, first('traceparent'))
        const isUsual = one.map(([key]) => key).join() === USUAL.map(([key]) => key).join()
        assert.equal(reader.usual, isUsual)
      }
    }),
  )
})

test('a usual record gives back the headers that it came with', () => {
  const reader = openHeaderReader()
  const one = record([
    ['pulse-dataset', 'd'],
    ['pulse-schema', 's'],
    ['pulse-received-at', 'R'],
    ['traceparent', 'T'],
  ])
  readHeaders(reader, one)
  const rebuilt = usualHeaders(reader.datasetId, reader.schemaId, reader.receivedAt, reader.traceparent)
  assert.deepEqual(
    rebuilt.map(([name, value]) => [String(name), String(value)]),
    copyHeaders(one).map(([name, value]) => [String(name), String(value)]),
  )
})

test('only a time of RFC 3339 may stand in a line', () => {
  for (const good of [
    '2026-03-04T05:06:07.123456Z',
    '2026-03-04T05:06:07Z',
    '2026-03-04T05:06:07+02:00',
    '2024-02-29T00:00:00-15:59',
  ])
    assert.equal(isTime(good), true, good)
  for (const bad of [
    '',
    'now',
    '2026-03-04',
    '2026-13-04T05:06:07Z',
    '2026-02-30T05:06:07Z',
    '2026-03-04T24:00:00Z',
    '2026-03-04T05:06:07+16:00',
    '0000-03-04T05:06:07Z',
    '2026-03-04T05:06:07Z","x":"',
  ])
    assert.equal(isTime(bad), false, bad)
})
