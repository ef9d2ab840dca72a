import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { watchDependencies, type Dependency } from '../../src/places/index.ts'
import { listen } from '../../src/telemetry/index.ts'
import { until } from '../kit/until.ts'

type Fault = 'none' | 'away' | 'hang' | 'late'

/** Checks that fail on purpose, and what is said of them. */
function openFaulty(t: TestContext) {
  const faults: Record<Dependency, Fault> = { postgres: 'none', kafka: 'none', minio: 'none' }
  const said: string[] = []
  const checked: { dependency: string; isUp: boolean; tookMs: number }[] = []
  const stops = [
    listen('dependency.away', ({ dependency, detail }) => void said.push(`away ${dependency}: ${detail}`)),
    listen('dependency.back', ({ dependency }) => void said.push(`back ${dependency}`)),
    listen('dependency.checked', (one) => void checked.push(one)),
  ]
  t.after(() => stops.forEach((stop) => stop()))
  const clock = { skewMs: 0 }
  const check = (name: Dependency) => async (): Promise<void> => {
    if (faults[name] === 'away') throw new Error('refused on purpose')
    if (faults[name] === 'hang') await new Promise(() => {})
    if (faults[name] === 'late') clock.skewMs += 21
  }
  const checks = { postgres: check('postgres'), kafka: check('kafka'), minio: check('minio') }
  return { faults, said, checked, clock, checks }
}

test('each dependency is asked on its own: one that hangs delays no other, and is away in time', async (t) => {
  const { faults, said, checked, checks } = openFaulty(t)
  await using watch = watchDependencies(checks, { everyMs: 1, timeoutMs: 250 })
  assert.equal(watch.facts().postgres.answered, undefined)
  await until('all answer', () => Object.values(watch.facts()).every(({ answered }) => answered), 2_000, 1)
  faults.postgres = 'hang'
  await until('it is noticed', () => watch.facts().postgres.answered === false, 2_000, 1)
  assert.deepEqual([watch.facts().kafka.answered, watch.facts().minio.answered], [true, true])
  assert.match(watch.facts().postgres.detail, /no answer within 250 ms/)
  faults.postgres = 'none'
  await until('it is back', () => watch.facts().postgres.answered, 2_000, 1)
  assert.deepEqual(said, ['away postgres: no answer within 250 ms', 'back postgres'], 'each once')
  assert.ok(checked.some((one) => one.dependency === 'postgres' && !one.isUp && one.tookMs >= 250))
  assert.ok(checked.filter((one) => one.dependency === 'kafka').every((one) => one.isUp))
})

test('an answer that comes after its time is none, and one somebody else speaks for is only counted', async (t) => {
  const { faults, said, checked, clock, checks } = openFaulty(t)
  faults.minio = 'late'
  faults.kafka = 'away'
  const now = (): number => performance.now() + clock.skewMs
  await using watch = watchDependencies(checks, { everyMs: 1, timeoutMs: 20, silent: ['kafka'], now })
  await until('known', () => watch.facts().minio.answered === false && watch.facts().kafka.answered === false, 2_000, 1)
  assert.match(watch.facts().minio.detail, /it answered only after 2\d ms/)
  assert.equal(watch.facts().kafka.detail, 'refused on purpose')
  assert.ok(
    said.every((words) => !words.includes('kafka')),
    said.join(),
  )
  assert.ok(checked.some((one) => one.dependency === 'kafka' && !one.isUp))
})

test('what is known grows old by itself: whoever asks sees it', async (t) => {
  const { clock, checks } = openFaulty(t)
  const now = (): number => performance.now() + clock.skewMs
  await using watch = watchDependencies(checks, { everyMs: 60_000, now })
  await until('asked', () => watch.facts().postgres.answered, 2_000, 1)
  clock.skewMs = 7_000
  assert.ok(watch.facts().postgres.agoMs >= 7_000)
})
