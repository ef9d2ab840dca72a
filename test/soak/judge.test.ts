import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultsOf } from '../../soak/faults.ts'
import { judge, type Series } from '../../soak/judge.ts'
import { eventIdOf } from '../../soak/load.ts'
import { chance } from '../kit/seed.ts'

/** A series of half an hour, looked at every five seconds. */
const seriesOf = (value: (at: number) => number, by: Series['by'] = 'median'): Series => ({
  name: 'worker 1 heap',
  unit: 'MiB',
  by,
  allowed: { share: 0.25, plus: 24 },
  samples: Array.from({ length: 360 }, (_, at) => ({ atMs: at * 5_000, value: value(at) })),
})

test('what grows steadily is a leak, and what goes up and down is none', () => {
  const luck = chance(5)
  assert.equal(judge(seriesOf((at) => 60 + at * 0.25))?.grew, true)
  assert.equal(judge(seriesOf(() => 60 + luck.between(0, 80)))?.grew, false)
  assert.equal(judge(seriesOf((at) => (at % 50) * 3 + 40, 'least'))?.grew, false)
  assert.equal(judge(seriesOf((at) => (at % 50) * 3 + 40 + at * 0.3, 'least'))?.grew, true)
})

test('a few samples are judged neither way', () => {
  const short = seriesOf((at) => at)
  assert.equal(judge({ ...short, samples: short.samples.slice(0, 11) }), undefined)
  assert.ok(judge({ ...short, samples: short.samples.slice(0, 12) }))
})

test('a soak has a fault a minute, the same from the same seed, and lets processes live in its last third', () => {
  const plan = faultsOf(30, chance(9))
  assert.deepEqual(plan, faultsOf(30, chance(9)))
  assert.notDeepEqual(plan, faultsOf(30, chance(10)))
  assert.equal(plan.length, 30)
  assert.deepEqual(new Set(plan).size, 10, 'every kind of fault happens')
  assert.deepEqual(
    plan.slice(10).filter((kind) => /kill -9 (api|worker|of)/.test(kind)),
    [],
  )
  assert.deepEqual(
    plan.slice(20).filter((kind) => kind.startsWith('kill')),
    [],
  )
})

test('no two events of a soak have one id, and each is one that a client may choose', () => {
  const ids = new Set<string>()
  for (const tenant of [0, 49, 65_535])
    for (const number of [0, 1, 65_535, 65_536, 4_000_000]) ids.add(eventIdOf(77, tenant, number))
  assert.equal(ids.size, 15)
  for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
})
