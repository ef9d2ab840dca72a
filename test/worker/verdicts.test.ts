import assert from 'node:assert/strict'
import { test } from 'node:test'
import { healthz, livez, startupz, type WorkerFacts } from '../../src/worker/verdicts.ts'

const facts = (over: Partial<WorkerFacts> = {}): WorkerFacts => ({
  stopping: false,
  owned: 1,
  members: 1,
  shared: true,
  sinceTickMs: 0,
  postgres: { answered: true, detail: '', agoMs: 100 },
  ...over,
})

test('healthy is exactly: a partition is owned and Postgres answered lately, over every combination', () => {
  for (const stopping of [false, true]) {
    for (const owned of [0, 1, 9]) {
      for (const members of [1, 3]) {
        for (const answered of [undefined, false, true]) {
          for (const agoMs of [0, 5_000, 5_001]) {
            const verdict = healthz(facts({ stopping, owned, members, postgres: { answered, detail: 'why', agoMs } }))
            assert.equal(verdict.ok, !stopping && owned > 0 && answered === true && agoMs <= 5_000)
            assert.equal(verdict.text === 'healthy', verdict.ok)
          }
        }
      }
    }
  }
})

test('an unhealthy worker says why', () => {
  assert.match(healthz(facts({ owned: 0, members: 3 })).text, /3 workers share them and it is standing by/)
  assert.match(
    healthz(facts({ postgres: { answered: false, detail: 'refused', agoMs: 0 } })).text,
    /SELECT 1 within 1 s: refused/,
  )
})

test('live depends on this process alone: its loop came round within a minute', () => {
  const away = { answered: false, detail: 'x', agoMs: 1e9 } as const
  assert.equal(livez(facts({ owned: 0, shared: false, postgres: away, sinceTickMs: 60_000 })).ok, true)
  assert.equal(livez(facts({ sinceTickMs: 60_001 })).ok, false)
  assert.equal(livez(facts({ sinceTickMs: 60_001, stopping: true })).ok, true, 'a drain is not killed')
})

test('started is: a share was claimed once, whatever came later', () => {
  assert.equal(startupz(facts({ owned: 0, postgres: { answered: false, detail: 'x', agoMs: 0 } })).ok, true)
  assert.match(
    startupz(facts({ shared: false, postgres: { answered: false, detail: 'refused', agoMs: 0 } })).text,
    /refused/,
  )
  assert.equal(startupz(facts({ shared: false })).ok, false)
})
