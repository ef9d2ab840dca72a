import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CommitUnknown, migrate, openStore } from '../../src/store/index.ts'
import { withBouncer, withServer } from '../kit/postgres-server.ts'
import { openProxy } from '../kit/proxy.ts'

test('a COMMIT whose answer is lost between the pooler and the server is unknown, whatever the pooler says of it', async (t) => {
  const server = await withServer(t)
  await migrate(server.adminUrl, { appPassword: 'app-secret' })
  const proxy = await openProxy(t, server.appUrl)
  const { appUrl } = await withBouncer(t, { ...server, port: Number(new URL(proxy.url).port) }, 2)
  await using store = await openStore({ url: appUrl, poolSize: 2, applicationName: 'test' })
  for (const cut of ['answer', 'request'] as const) {
    proxy.cutNext(cut)
    const said = await store
      .asSystem((sql) => sql.query('SELECT 1'))
      .then(
        () => undefined,
        (error: unknown) => error,
      )
    assert.ok(said instanceof CommitUnknown, String(said))
    await store.ping(5_000)
  }
  assert.equal(proxy.cuts, 2)
})
