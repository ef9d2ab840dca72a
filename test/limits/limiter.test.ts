import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { test } from 'node:test'
import { keepLimits, openLimiter, type Limiter, type Limits, type Sender } from '../../src/limits/index.ts'
import { Problem } from '../../src/problems/index.ts'
import type { Store } from '../../src/store/index.ts'
import { openGround } from '../kit/ground.ts'
import { until } from '../kit/until.ts'

const now = (): number => performance.now()
const tenantOf = (id: string, limits: Limits): Sender => ({ kind: 'tenant', id, name: 'acme', limits })

/** What came through of `of` events each, asked for as fast as it goes for `ms`; `settleMs` before it counts. */
async function flood(limiter: Limiter, senders: readonly Sender[], ms: number, of = 10): Promise<number> {
  let passed = 0
  for (const untilMs = now() + ms; now() < untilMs;) {
    try {
      await limiter.enter(senders)
      await limiter.charge(senders, of, of * 100)
      passed += of
    } catch (problem) {
      assert.ok(problem instanceof Problem && problem.status === 429, String(problem))
      await delay(1)
    }
    await delay(0)
  }
  return passed
}

/** What comes through of `of` events each until nothing more does. */
async function drain(limiter: Limiter, senders: readonly Sender[], of: number): Promise<number> {
  for (let passed = 0; ; passed += of) {
    try {
      await limiter.enter(senders)
      await limiter.charge(senders, of, of)
    } catch (problem) {
      assert.equal((problem as Problem).code, 'quota_exceeded')
      return passed
    }
  }
}

const refusedBy = (code: string, of: string, name: string) => (problem: unknown) => {
  assert.ok(problem instanceof Problem, String(problem))
  const { limit } = problem.members as { limit: { of: string; name: string } }
  assert.deepEqual([problem.code, limit.of, limit.name], [code, of, name])
  assert.ok((problem.retryAfterSeconds ?? 0) >= 1)
  return true
}

/** The same store, whose transactions are counted and may fail or hang on purpose. */
function faulty(store: Store): { store: Store; asked: () => number; mode: (is: 'well' | 'away' | 'slow') => void } {
  let count = 0
  let mode = 'well'
  const counted: Store = Object.create(store)
  counted.asSystem = async (act, options) => {
    count += 1
    if (mode === 'away') throw new Error('away on purpose')
    if (mode === 'slow') await delay(1_500)
    return store.asSystem(act, options)
  }
  return { store: counted, asked: () => count, mode: (is) => void (mode = is) }
}

test('three processes together let through what is allowed, within a tenth, and ask seldom', async (t) => {
  const ground = await openGround(t)
  const sender = [tenantOf(await ground.tenant(), { events_per_second: 2_000 })]
  const { store, asked } = faulty(ground.store)
  await using one = openLimiter(store, now)
  await using two = openLimiter(store, now)
  await using three = openLimiter(store, now)
  const seconds = 3
  const passed = await Promise.all([one, two, three].map((limiter) => flood(limiter, sender, seconds * 1_000)))
  const sum = passed.reduce((a, b) => a + b, 0)
  t.diagnostic(`${sum} of ${2_000 * seconds} in ${seconds} s (${passed.join(', ')}), ${asked()} questions`)
  // Half a second's worth may be used ahead, once.
  assert.ok(sum > 2_000 * seconds * 0.9 && sum < 2_000 * (seconds + 0.5) * 1.05, `${sum}`)
  assert.ok(asked() < 200 * seconds, `${asked()} questions for ${sum / 10} requests`)
})

test('a request that is far larger than the rate is let through once, and paid back in the time that it is worth', async (t) => {
  const ground = await openGround(t)
  const sender = [tenantOf(await ground.tenant(), { events_per_second: 1_000 })]
  await using limiter = openLimiter(ground.store, now)
  await limiter.enter(sender)
  const fromMs = now()
  await limiter.charge(sender, 3_000, 1)
  await until('it is let in again', async () => {
    try {
      await limiter.enter(sender)
      return true
    } catch {
      return false
    }
  })
  const tookMs = now() - fromMs
  t.diagnostic(`${Math.round(tookMs)} ms`)
  assert.ok(tookMs > 2_300 && tookMs < 4_500, `${tookMs}`)
})

test("a day's quota is exact, outlives the processes that counted it, and is whole again with the day", async (t) => {
  const ground = await openGround(t)
  const tenantId = await ground.tenant()
  const sender = [tenantOf(tenantId, { events_per_day: 1_000 })]
  await using one = openLimiter(ground.store, now)
  const passed = await drain(one, sender, 7)
  assert.ok(passed >= 1_000 && passed < 1_007, `${passed}: only the last request may be larger than what was left`)
  // No farewell: as if it had been killed.
  await using two = openLimiter(ground.store, now)
  await assert.rejects(async () => two.enter(sender), refusedBy('quota_exceeded', 'tenant', 'events_per_day'))
  await ground.pg
    .sql('admin')
    .query(`UPDATE limit_buckets SET at = at - interval '1 day' WHERE subject = $1`, [tenantId])
  await using three = openLimiter(ground.store, now)
  assert.equal(await drain(three, sender, 10), 1_000)
})

test('what a process holds when it is closed, or nobody sends any more, is given back', async (t) => {
  const ground = await openGround(t)
  const tenantId = await ground.tenant()
  const sender = [tenantOf(tenantId, { events_per_day: 100_000 })]
  const used = async (): Promise<number> =>
    (
      await ground.pg
        .sql('admin')
        .query<{ used: number }>('SELECT used FROM limit_buckets WHERE subject = $1', [tenantId])
    )[0]?.used ?? 0
  {
    await using limiter = openLimiter(ground.store, now)
    await limiter.enter(sender)
    await limiter.charge(sender, 3, 1)
    assert.equal(await used(), 100, 'a lease')
  }
  assert.equal(await used(), 3)
})

test('events and bytes, of a second and of a day, of a tenant and of a key: the one that is used up is named', async (t) => {
  const ground = await openGround(t)
  const tenant = tenantOf(await ground.tenant(), { bytes_per_second: 1_000_000, events_per_day: 500 })
  const key: Sender = {
    kind: 'key',
    id: '01900000-0000-7000-8000-00000000000a',
    name: 'k',
    limits: { events_per_second: 5 },
  }
  await using limiter = openLimiter(ground.store, now)
  await limiter.enter([tenant, key])
  await limiter.charge([tenant, key], 20, 10)
  await assert.rejects(async () => limiter.enter([tenant, key]), refusedBy('rate_limited', 'key', 'events_per_second'))
  await limiter.enter([tenant])
  await limiter.charge([tenant], 1, 3_000_000)
  await assert.rejects(async () => limiter.enter([tenant]), refusedBy('rate_limited', 'tenant', 'bytes_per_second'))
})

test("a key that floods spends neither another key's limit nor, once it is refused, its tenant's", async (t) => {
  const ground = await openGround(t)
  const tenant = tenantOf(await ground.tenant(), { events_per_second: 2_000 })
  const key = (digit: string): Sender => ({
    kind: 'key',
    id: `01900000-0000-7000-8000-00000000000${digit}`,
    name: digit,
    limits: { events_per_second: 500 },
  })
  await using limiter = openLimiter(ground.store, now)
  const [hostile, honest] = await Promise.all([
    flood(limiter, [tenant, key('1')], 2_000),
    flood(limiter, [tenant, key('2')], 2_000),
  ])
  t.diagnostic(`hostile ${hostile}, honest ${honest} of 1,000`)
  for (const passed of [hostile, honest]) assert.ok(passed > 800 && passed < 1_350, `${passed}`)
})

test('while Postgres is away each process goes on at the rate alone; when it is back they hold it together', async (t) => {
  const ground = await openGround(t)
  const sender = [tenantOf(await ground.tenant(), { events_per_second: 1_000 })]
  const { store, mode } = faulty(ground.store)
  await using one = openLimiter(store, now)
  await using two = openLimiter(store, now)
  await flood(one, sender, 300)
  for (const fault of ['away', 'slow'] as const) {
    mode(fault)
    const alone = await Promise.all([one, two].map((limiter) => flood(limiter, sender, 2_000)))
    t.diagnostic(`${fault}: ${alone.join(', ')} of 2,000 each`)
    for (const passed of alone) assert.ok(passed > 500 && passed < 2_600, `${fault} ${passed}`)
  }
  mode('well')
  // The last slow question is still on its way.
  await flood(one, sender, 2_000)
  const together = await Promise.all([one, two].map((limiter) => flood(limiter, sender, 3_000)))
  const sum = together.reduce((a, b) => a + b, 0)
  t.diagnostic(`together: ${together.join(', ')} of 3,000`)
  assert.ok(sum > 2_500 && sum < 3_700, `${sum}`)
})

test('another limit counts for the next request', async (t) => {
  const ground = await openGround(t)
  const id = await ground.tenant()
  await using limiter = openLimiter(ground.store, now)
  const sender = [tenantOf(id, { events_per_second: 1 })]
  await limiter.enter(sender)
  await limiter.charge(sender, 3, 1)
  await assert.rejects(async () => limiter.enter(sender), refusedBy('rate_limited', 'tenant', 'events_per_second'))
  const more = [tenantOf(id, { events_per_second: 1_000 })]
  await limiter.enter(more)
  assert.deepEqual(limiter.describe(more).policy, '"tenant_events_per_second";q=1000;w=1;qu="events"')
  assert.match(limiter.describe(more).limit, /^"tenant_events_per_second";r=\d+;t=1$/)
})

test('limits are set whole, under the policy of their tenant', async (t) => {
  const ground = await openGround(t)
  const [mine, other] = [await ground.tenant(), await ground.tenant()]
  const keep = (as: string, limits: Limits) => ground.store.asTenant(as, (sql) => keepLimits(sql, mine, mine, limits))
  const seen = async (): Promise<unknown> =>
    (await ground.pg.sql('app').query<{ limits: unknown }>('SELECT limits_of($1) AS limits', [mine]))[0]?.limits
  await keep(mine, { events_per_second: 5, bytes_per_day: 7 })
  assert.deepEqual(await seen(), { events_per_second: 5, bytes_per_day: 7 })
  await keep(mine, { events_per_day: 9 })
  assert.deepEqual(await seen(), { events_per_day: 9 })
  await assert.rejects(keep(other, { events_per_day: 1_000_000 }))
  await keep(other, {})
  assert.deepEqual(await seen(), { events_per_day: 9 }, 'another tenant takes nothing away')
  await keep(mine, {})
  assert.equal(await seen(), null)
})
