import assert from 'node:assert/strict'
import { test } from 'node:test'
import { json, openServer, text } from '../../src/telemetry/servers.ts'

test('a handful of paths is answered, with or without a slash or a query; anything else is told what there is', async () => {
  await using server = await openServer('127.0.0.1', 0, {
    '/healthz': () => text(503, 'because'),
    '/facts': () => json({ a: 1 }),
    '/defect': () => {
      throw new Error('broken')
    },
  })
  const get = (path: string, method = 'GET') => fetch(`http://127.0.0.1:${server.port}${path}`, { method })
  for (const path of ['/healthz', '/healthz/', '/healthz?x=1']) {
    const answer = await get(path)
    assert.equal(answer.status, 503)
    assert.equal(await answer.text(), 'because\n')
    assert.equal(answer.headers.get('cache-control'), 'no-store')
  }
  assert.deepEqual(await (await get('/facts')).json(), { a: 1 })
  assert.equal((await get('/healthz', 'POST')).status, 405)
  assert.equal(await (await get('/healthz', 'HEAD')).text(), '')
  assert.equal((await get('/defect')).status, 500)
  for (const path of ['/', '/constructor', '/__proto__', '//healthz']) {
    const answer = await get(path)
    assert.equal(answer.status, 404, path)
    assert.match(await answer.text(), /\/healthz/)
  }
})

test('a port that is taken is named', async () => {
  await using server = await openServer('127.0.0.1', 0, {})
  await assert.rejects(
    openServer('127.0.0.1', server.port, {}),
    new RegExp(`Port ${server.port} on 127.0.0.1 is taken`),
  )
})
