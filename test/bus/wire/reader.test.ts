import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { WireFault, WireReader } from '../../../src/bus/wire/reader.ts'

/** One struct, an int8, and two tagged fields behind it: 0 with a 32-bit number and a byte more, 5 with one byte. */
const TAGGED = Buffer.from([2, 7, 2, 0, 5, 0, 0, 0, 9, 1, 5, 1, 3, 42])

test('tagged fields are told with what they hold, and what is not read of them is skipped', () => {
  const told: unknown[] = []
  const reader = new WireReader(TAGGED, true)
  const values = reader.structs(
    () => reader.int8(),
    (tag, of) => told.push([tag, of, tag === 0 ? reader.int32() : undefined]),
  )
  assert.deepEqual(values, [7])
  assert.deepEqual(told, [
    [0, 7, 9],
    [5, 7, undefined],
  ])
  assert.equal(reader.int8(), 42)
  const other = new WireReader(TAGGED, true)
  other.structs(() => other.int8())
  assert.equal(other.int8(), 42, 'nobody has to listen')
})

test('a tagged field that claims more than the message has is refused', () => {
  const reader = new WireReader(Buffer.from([2, 7, 1, 0, 99, 1]), true)
  assert.throws(
    () =>
      reader.structs(
        () => reader.int8(),
        () => undefined,
      ),
    WireFault,
  )
})
