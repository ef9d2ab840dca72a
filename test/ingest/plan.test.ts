import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { flushIntervalMs, planFlushes, type LaneState, type PlanInput } from '../../src/ingest/plan.ts'

const timing = { flushSeconds: 30, flushRows: 10_000, commitsPerSecond: 20 }
const lane = (over: Partial<LaneState> = {}): LaneState => ({
  tenantId: 't',
  datasetId: 'd',
  records: 1,
  firstAtMs: 0,
  parkedUntilMs: 0,
  urgent: undefined,
  ...over,
})
const plan = (lanes: readonly LaneState[], over: Partial<PlanInput> = {}) =>
  planFlushes({
    nowMs: 0,
    lanes,
    timing,
    busy: new Set(),
    pressed: new Set(),
    slots: 4,
    maxDatasets: 64,
    ...over,
  })

test('a dataset is due thirty seconds after its first record, not before', () => {
  assert.deepEqual(plan([lane()], { nowMs: 29_999 }), [])
  assert.deepEqual(plan([lane()], { nowMs: 30_000 }), [
    { tenantId: 't', datasets: [{ datasetId: 'd', trigger: 'age' }] },
  ])
})

test('a dataset is due at ten thousand rows, however young', () => {
  assert.deepEqual(plan([lane({ records: 9_999 })]), [])
  assert.equal(plan([lane({ records: 10_000 })]).length, 1)
})

test('what is urgent or pressed for memory is due at once; an empty dataset never is', () => {
  assert.equal(plan([lane({ urgent: 'release' })]).length, 1)
  assert.equal(plan([lane()], { pressed: new Set(['t']) }).length, 1)
  assert.deepEqual(plan([lane({ records: 0, urgent: 'release' })]), [])
})

test('a parked dataset waits for its time, whatever else would make it due', () => {
  assert.deepEqual(plan([lane({ parkedUntilMs: 5, urgent: 'release' })], { nowMs: 4 }), [])
  assert.equal(plan([lane({ parkedUntilMs: 5, urgent: 'release' })], { nowMs: 5 }).length, 1)
})

test('datasets of one tenant share a flush, up to the most that one commit takes', () => {
  const lanes = Array.from({ length: 70 }, (_, n) => lane({ datasetId: `d${n}`, urgent: 'release', firstAtMs: n }))
  const [flush, ...more] = plan(lanes)
  assert.equal(more.length, 0)
  assert.deepEqual(
    flush?.datasets.map(({ datasetId }) => datasetId),
    Array.from({ length: 64 }, (_, n) => `d${n}`),
  )
})

test('many idle tenants widen the interval evenly, so that their commits stay within the budget', () => {
  assert.equal(flushIntervalMs(timing, 1), 30_000)
  assert.equal(flushIntervalMs(timing, 600), 30_000)
  assert.equal(flushIntervalMs(timing, 2_000), 100_000)
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e5 }), fc.double({ min: 0.1, max: 1e4, noNaN: true }), (tenants, budget) => {
      const seconds = flushIntervalMs({ ...timing, commitsPerSecond: budget }, tenants) / 1000
      assert.ok(seconds >= timing.flushSeconds)
      assert.ok(tenants / seconds <= budget * 1.000001)
    }),
  )
})

test('no plan names a busy tenant, a tenant twice, more tenants than there are slots, or what is not due', () => {
  const lanes = fc.array(
    fc.record({
      tenantId: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      datasetId: fc.uuid(),
      records: fc.nat(20_000),
      firstAtMs: fc.nat(100_000),
      parkedUntilMs: fc.nat(100_000),
      urgent: fc.constantFrom('release' as const, 'shutdown' as const, undefined),
    }),
  )
  fc.assert(
    fc.property(lanes, fc.nat(6), fc.subarray(['a', 'b', 'c']), fc.nat(100_000), (all, slots, busy, nowMs) => {
      const planned = plan(all, { slots, busy: new Set(busy), nowMs })
      assert.ok(planned.length <= slots)
      assert.equal(new Set(planned.map((one) => one.tenantId)).size, planned.length)
      for (const { tenantId, datasets } of planned) {
        assert.ok(!busy.includes(tenantId))
        for (const { datasetId: id } of datasets) {
          const due = all.find((one) => one.datasetId === id && one.tenantId === tenantId)
          assert.ok(due !== undefined && due.records > 0 && due.parkedUntilMs <= nowMs)
          assert.ok(due.urgent !== undefined || due.records >= 10_000 || nowMs - due.firstAtMs >= 30_000)
        }
      }
    }),
  )
})

test('a due tenant is planned as soon as there is a slot: the longest waiting first', () => {
  const lanes = [lane({ tenantId: 'young', firstAtMs: 2 }), lane({ tenantId: 'old', firstAtMs: 1 })]
  assert.deepEqual(
    plan(lanes, { nowMs: 60_000, slots: 1 }).map((one) => one.tenantId),
    ['old'],
  )
})
