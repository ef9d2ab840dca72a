import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rowFailure } from '../../../src/lake/parquet/copy.ts'

test('a conversion’s message gives its line, from 0, without DuckDB’s advice', () => {
  assert.deepEqual(
    rowFailure(
      'Invalid Input Error: JSON transform error in file "/tmp/a b.ndjson", in line 3: Failed to cast value to numerical: "x"\n' +
        "Try setting 'auto_detect' to true, specifying 'format' or 'records' manually.",
    ),
    { detail: 'Failed to cast value to numerical: "x"', line: 2 },
  )
})

test('a malformed line’s number is one too high', () => {
  assert.deepEqual(
    rowFailure(
      'Invalid Input Error: Malformed JSON in file "/tmp/x", at byte 13 in line 2: no low surrogate in string. Try auto-detecting the JSON format',
    ),
    { detail: 'no low surrogate in string.', line: 0 },
  )
})

test('an error of a row without a line has none, and an engine’s trouble is no row’s', () => {
  assert.deepEqual(rowFailure('Invalid Input Error: a required value is missing in "a"'), {
    detail: 'a required value is missing in "a"',
    line: undefined,
  })
  assert.deepEqual(rowFailure('Conversion Error: Could not convert'), { detail: 'Could not convert', line: undefined })
  for (const message of [
    'IO Error: No space left on device',
    'Out of Memory Error: failed',
    'Binder Error: x',
    'INTERNAL Error: x',
  ]) {
    assert.equal(rowFailure(message), undefined)
  }
})
