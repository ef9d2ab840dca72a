import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem } from '../../src/problems/index.ts'
import { openWaitingStore, StoreRefused, type Store } from '../../src/store/index.ts'
import { until } from '../kit/until.ts'

const isAway = (error: unknown): boolean => error instanceof Problem && error.code === 'dependency_away'
const real = { ping: async () => undefined, [Symbol.asyncDispose]: async () => undefined } as unknown as Store

test('until it is there every call says that Postgres is away; then it answers, and that is told once', async () => {
  let there = false
  let back = 0
  await using store = await openWaitingStore(
    async () => {
      if (!there) throw new Error('refused')
      return real
    },
    { onBack: () => (back += 1), onRefused: assert.fail },
  )
  await assert.rejects(store.ping(1), isAway)
  await assert.rejects(
    store.asTenant('t', async () => 1),
    isAway,
  )
  await assert.rejects(
    store.asSystem(async () => 1),
    isAway,
  )
  await assert.rejects(store.callAsTenant('t', 'SELECT 1'), isAway)
  there = true
  await until('it is there', () => store.ping(1).then(() => true), 5_000, 20)
  assert.equal(back, 1)
})

test('a role that bypasses row level security is refused at once, or said as the reason when it comes later', async () => {
  const refusal = new StoreRefused('The role is a superuser.')
  await assert.rejects(
    openWaitingStore(() => Promise.reject(refusal), { onRefused: assert.fail }),
    refusal,
  )
  let tries = 0
  const told: StoreRefused[] = []
  await using store = await openWaitingStore(() => Promise.reject((tries += 1) === 1 ? new Error('away') : refusal), {
    onRefused: (later) => told.push(later),
  })
  await until('refused', () => told.length > 0, 5_000, 20)
  await assert.rejects(store.ping(1), /superuser/)
  assert.deepEqual([told, tries], [[refusal], 2])
})
