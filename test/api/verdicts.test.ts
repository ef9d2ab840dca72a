import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HUNG_MS, STALE_MS, isHealthy, readiness, type ApiFacts } from '../../src/api/verdicts.ts'
import type { DependencyFacts } from '../../src/places/index.ts'

/** Every state that a check can be in, and whether it counts as answered: never yet, away, up, and each of those grown old. */
const STATES: readonly (readonly [facts: DependencyFacts, isUp: boolean])[] = [
  [{ answered: undefined, detail: '', tookMs: 0, agoMs: 0 }, false],
  [{ answered: undefined, detail: '', tookMs: 0, agoMs: 1e9 }, false],
  [{ answered: false, detail: 'refused', tookMs: 3, agoMs: 0 }, false],
  [{ answered: false, detail: 'refused', tookMs: 900, agoMs: STALE_MS + 1 }, false],
  [{ answered: true, detail: '', tookMs: 1, agoMs: 0 }, true],
  [{ answered: true, detail: '', tookMs: 900, agoMs: STALE_MS }, true],
  [{ answered: true, detail: '', tookMs: 1, agoMs: STALE_MS + 0.001 }, false],
  [{ answered: true, detail: '', tookMs: 1, agoMs: Number.POSITIVE_INFINITY }, false],
]
const TURNS = [0, 1_000, HUNG_MS, HUNG_MS + 0.001, Number.POSITIVE_INFINITY]

function* everyState(): Generator<{ readonly facts: ApiFacts; readonly up: readonly [boolean, boolean, boolean] }> {
  for (const draining of [false, true])
    for (const sinceTurnMs of TURNS)
      for (const [postgres, postgresUp] of STATES)
        for (const [kafka, kafkaUp] of STATES)
          for (const [minio, minioUp] of STATES)
            yield {
              facts: { draining, sinceTurnMs, dependencies: { postgres, kafka, minio } },
              up: [postgresUp, kafkaUp, minioUp],
            }
}

test('ready is exactly: not draining, and all three answered their last check, lately; over every combination', () => {
  let ready = 0
  let states = 0
  for (const { facts, up } of everyState()) {
    const [postgres, kafka, minio] = up
    const verdict = readiness(facts)
    assert.deepEqual(verdict, {
      ready: !facts.draining && postgres && kafka && minio,
      checks: { postgres, kafka, minio },
    })
    if (verdict.ready) ready += 1
    states += 1
  }
  assert.deepEqual([states, ready], [2 * 5 * 8 ** 3, 5 * 2 ** 3])
})

test('healthy depends on this process alone: its loop came round within ten seconds, also while it drains', () => {
  for (const { facts } of everyState())
    assert.equal(isHealthy(facts), facts.sinceTurnMs <= 10_000, JSON.stringify(facts))
})

test('the checks have the founding order, whatever order the facts come in', () => {
  const [up] = STATES[4] ?? assert.fail()
  const { checks } = readiness({
    draining: false,
    sinceTurnMs: 0,
    dependencies: { minio: up, kafka: up, postgres: up },
  })
  assert.equal(JSON.stringify(checks), '{"postgres":true,"kafka":true,"minio":true}')
})
