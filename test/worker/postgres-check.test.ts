import assert from 'node:assert/strict'
import { test } from 'node:test'
import { watchPostgres } from '../../src/worker/postgres-check.ts'
import { until } from '../kit/until.ts'

test('what is known of Postgres is refreshed in the background, and a probe only looks', async () => {
  let now = 0
  let fault: Error | undefined
  let pings = 0
  await using check = watchPostgres(
    {
      async ping() {
        pings += 1
        if (fault !== undefined) throw fault
      },
    },
    () => now,
    1,
  )
  assert.equal(check.facts().answered, undefined)
  await until('the first answer', () => check.facts().answered === true, 2_000, 1)
  fault = new Error('refused')
  await until('it is noticed', () => check.facts().answered === false, 2_000, 1)
  assert.equal(check.facts().detail, 'refused')
  fault = undefined
  await until('it is back', () => check.facts().answered === true, 2_000, 1)
  const before = pings
  now += 7_000
  await until('asked again', () => pings > before && check.facts().agoMs === 0, 2_000, 1)
})
