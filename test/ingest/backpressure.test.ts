import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FETCH_BYTES, fetchBytes, roomFor } from '../../src/ingest/backpressure.ts'

/** Fills the buffer a kilobyte at a time, each tenant as long as it may be read. */
function fill(tenants: number, capacityBytes: number): number[] {
  const held = Array.from({ length: tenants }, () => 0)
  for (let moved = true; moved;) {
    moved = false
    for (let i = 0; i < tenants; i += 1) {
      const usedBytes = held.reduce((sum, bytes) => sum + bytes, 0)
      if (roomFor(held[i] as number, { capacityBytes, usedBytes }) < 1024) continue
      held[i] = (held[i] as number) + 1024
      moved = true
    }
  }
  return held
}

test('one busy tenant gets two thirds of the buffer, n busy ones equal parts, and room is left for the next', () => {
  const capacity = 1 << 24
  for (const tenants of [1, 2, 5, 40]) {
    const held = fill(tenants, capacity)
    const expected = (2 * capacity) / (1 + 2 * tenants)
    for (const bytes of held) assert.ok(Math.abs(bytes - expected) < expected / 10 + 4096, `${bytes} of ${expected}`)
    const usedBytes = held.reduce((sum, bytes) => sum + bytes, 0)
    assert.ok(roomFor(0, { capacityBytes: capacity, usedBytes }) > 0, 'a newcomer can be read')
  }
})

test('the room never takes the buffer over its capacity', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.nat(), (heldBytes, usedBytes, capacityBytes) => {
      const room = roomFor(heldBytes, { usedBytes, capacityBytes })
      assert.ok(room >= 0 && (room === 0 || usedBytes + room <= capacityBytes))
    }),
  )
})

test('partitions that all have records share one poll, and one alone does not take all of it', () => {
  assert.ok(fetchBytes(Number.MAX_SAFE_INTEGER, 1) <= FETCH_BYTES)
  assert.ok(fetchBytes(Number.MAX_SAFE_INTEGER, 100) * 100 <= FETCH_BYTES)
  assert.ok(fetchBytes(1, 1) >= 1024, 'always enough for a record')
})
