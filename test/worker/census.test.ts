import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openCensus } from '../../src/worker/census.ts'
import { openGround } from '../kit/ground.ts'
import { openProxy } from '../kit/proxy.ts'
import { until } from '../kit/until.ts'

test('partitions, ledger and migrations are known soon, and kept while Postgres swallows every question', async (t) => {
  const ground = await openGround(t)
  const proxy = await openProxy(t, ground.pg.appUrl)
  const store = await ground.openStore(proxy.url)
  const tenant = await ground.tenant()
  const { topicId } = await ground.partition(tenant, 3)
  await ground.admin.query('UPDATE source_partitions SET retired_at = now() WHERE topic_id = $1 AND partition = 2', [
    topicId,
  ])
  await using census = openCensus(store)
  assert.equal(census.partitions(), undefined)
  await until('known', () => census.partitions() === 2 && census.ledger() && census.missingMigrations())
  assert.deepEqual(census.missingMigrations(), [])
  const { rows, oldestMs } = census.ledger() ?? {}
  assert.equal(rows, 0)
  assert.ok(Math.abs((oldestMs ?? 0) - Date.now()) < 3_600_000)
  proxy.swallow(true)
  assert.equal(census.partitions(), 2)
  assert.equal(census.ledger()?.rows, 0)
  proxy.away(true)
})
