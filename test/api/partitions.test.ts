import assert from 'node:assert/strict'
import { test } from 'node:test'
import { watchPartitions } from '../../src/api/partitions.ts'
import { openStore } from '../../src/store/index.ts'
import { makeTenant } from '../kit/registry.ts'
import { openProxy } from '../kit/proxy.ts'
import { withPostgres } from '../kit/postgres.ts'
import { until } from '../kit/until.ts'

test('partitions are counted again and again, and known on while Postgres is away', async (t) => {
  const { appUrl } = await withPostgres(t)
  const proxy = await openProxy(t, appUrl)
  await using store = await openStore({ url: proxy.url, poolSize: 2, applicationName: 'test' })
  await using direct = await openStore({ url: appUrl, poolSize: 2, applicationName: 'test' })
  await using watch = watchPartitions(store, 5)
  assert.equal(watch.partitions(), undefined, 'not known is not nought')
  await until('none', () => watch.partitions() === 0)
  await makeTenant({ store: direct, warehouse: 'file:///nowhere' }, 'acme')
  await until('one', () => watch.partitions() === 1)
  proxy.away(true)
  await makeTenant({ store: direct, warehouse: 'file:///nowhere' }, 'beta')
  await assert.rejects(store.ping(500))
  assert.equal(watch.partitions(), 1)
  proxy.away(false)
  await until('two', () => watch.partitions() === 2)
})
