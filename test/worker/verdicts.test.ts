import assert from 'node:assert/strict'
import { test } from 'node:test'
import { healthz, livez, startupz, type WorkerFacts } from '../../src/worker/verdicts.ts'

const facts = (over: Partial<WorkerFacts> = {}): WorkerFacts => ({
  stopping: false,
  owned: 1,
  members: 1,
  shared: true,
  missingMigrations: [],
  sinceTickMs: 0,
  postgres: { answered: true, detail: '', agoMs: 100, tookMs: 1 },
  ...over,
})

/** Every combination of the values, one of each. */
function* every<T extends Record<string, readonly unknown[]>>(of: T): Generator<{ [K in keyof T]: T[K][number] }> {
  const [first, ...rest] = Object.entries(of)
  if (first === undefined) return void (yield {} as never)
  for (const value of first[1])
    for (const others of every(Object.fromEntries(rest))) yield { [first[0]]: value, ...others } as never
}

test('healthy is exactly: a partition is owned and Postgres answered within its second, lately, over every combination', () => {
  let healthy = 0
  const all = every({
    stopping: [false, true],
    owned: [0, 1, 9],
    members: [0, 1, 3],
    shared: [false, true],
    missingMigrations: [undefined, [], ['0099-later']],
    sinceTickMs: [0, 60_001],
    answered: [undefined, false, true],
    tookMs: [0, 999.9, 1_000, 1_000.1, 30_000],
    agoMs: [0, 5_000, 5_001, 1e9],
  })
  for (const { answered, tookMs, agoMs, ...rest } of all) {
    const verdict = healthz(facts({ ...rest, postgres: { answered, tookMs, agoMs, detail: 'why' } }))
    const expected = !rest.stopping && rest.owned > 0 && answered === true && tookMs <= 1_000 && agoMs <= 5_000
    const told = JSON.stringify({ ...rest, answered, tookMs, agoMs })
    assert.equal(verdict.ok, expected, told)
    assert.equal(verdict.text === 'healthy', verdict.ok, told)
    assert.ok(verdict.text.length > 5 && !verdict.text.includes('undefined'), told)
    if (verdict.ok) healthy += 1
  }
  assert.equal(healthy, 2 * 3 * 2 * 3 * 2 * 3 * 2)
})

test('an unhealthy worker says why', () => {
  assert.match(
    healthz(facts({ owned: 0, members: 3 })).text,
    /^standby: true, partitions: 0\. .*3 workers share them and it is standing by/,
  )
  assert.match(
    healthz(facts({ postgres: { answered: false, detail: 'refused', tookMs: 0, agoMs: 0 } })).text,
    /SELECT 1 within 1 s: refused/,
  )
})

test('live depends on this process alone, over every combination: its loop came round within a minute, or it drains', () => {
  const all = every({
    stopping: [false, true],
    owned: [0, 1],
    members: [0, 3],
    shared: [false, true],
    missingMigrations: [undefined, ['0099-later']],
    sinceTickMs: [0, 60_000, 60_000.1, 1e9],
    answered: [undefined, false, true],
    agoMs: [0, 1e9],
  })
  for (const { answered, agoMs, ...rest } of all) {
    const verdict = livez(facts({ ...rest, postgres: { answered, detail: 'x', tookMs: 30_000, agoMs } }))
    assert.equal(verdict.ok, rest.stopping || rest.sinceTickMs <= 60_000, JSON.stringify(rest))
  }
})

test('started is, over every combination: a share was claimed once and every migration is there, whatever came later', () => {
  const all = every({
    stopping: [false, true],
    owned: [0, 1],
    members: [0, 3],
    shared: [false, true],
    missingMigrations: [undefined, [], ['0099-later']],
    sinceTickMs: [0, 1e9],
    answered: [undefined, false, true],
  })
  for (const { answered, ...rest } of all) {
    const verdict = startupz(facts({ ...rest, postgres: { answered, detail: 'x', tookMs: 0, agoMs: 0 } }))
    assert.equal(verdict.ok, rest.shared && rest.missingMigrations?.length === 0, JSON.stringify(rest))
  }
  const waiting = { answered: false, detail: 'refused', tookMs: 0, agoMs: 0 } as const
  assert.match(startupz(facts({ shared: false, postgres: waiting })).text, /refused/)
  assert.match(startupz(facts({ missingMigrations: ['0099-later'] })).text, /lacks 0099-later: run "pulse migrate"/)
})
