import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { openPauses } from '../../src/ingest/pauses.ts'
import { listen } from '../../src/telemetry/index.ts'

test('what is told of a pause sums to the time that it lasted, while it lasts and when it ends', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(3_000), fc.boolean(), fc.boolean()), { minLength: 1 }), (turns) => {
      const told = { buffer_full: 0, bus_away: 0, release: 0 }
      let last = 0
      const stop = listen('worker.fetch.paused', ({ reason, tookMs }) => {
        assert.ok(tookMs > 0)
        told[reason] += tookMs
        last = now
      })
      let now = 0
      const pauses = openPauses(() => now)
      const lasted = { buffer_full: 0, bus_away: 0, release: 0 }
      let full = false
      let away = false
      for (const [ms, isFull, isAway] of turns) {
        now += ms
        lasted.buffer_full += full ? ms : 0
        lasted.bus_away += away ? ms : 0
        pauses.mark('buffer_full', (full = isFull))
        pauses.mark('bus_away', (away = isAway))
        if (full) assert.ok(lasted.buffer_full - told.buffer_full < 1_000, 'told while it lasts')
      }
      pauses.end()
      assert.deepEqual(told, lasted)
      pauses.end()
      assert.ok(last <= now)
      stop()
    }),
  )
})
