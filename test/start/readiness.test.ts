import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { allOrFirstFault, notReadySentence, untilOk } from '../../src/start/readiness.ts'

test('what is not reachable is named with its setting', () => {
  const said = JSON.stringify({ status: 'not_ready', checks: { postgres: false, kafka: true, minio: false } })
  assert.equal(
    notReadySentence(said, '/logs'),
    'The API cannot reach Postgres (PULSE_DATABASE_URL) and the lake (PULSE_WAREHOUSE): check the setting and what it names; more is in /logs.',
  )
  assert.equal(
    notReadySentence('no answer', '/logs'),
    'The API is not ready (no answer): check its log; more is in /logs.',
  )
})

test('waiting ends at the first good answer, or with the last bad one when patience is over', async (t) => {
  let asked = 0
  const server = createServer((_, response) => void response.writeHead(++asked < 3 ? 503 : 200).end(`answer ${asked}`))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => void server.close())
  const url = `http://127.0.0.1:${(server.address() as { port: number }).port}/`
  assert.equal(await untilOk(url, 5_000), undefined)
  asked = -1000
  assert.match((await untilOk(url, 120)) ?? '', /^answer -/)
  server.closeAllConnections()
})

test('the first fault comes at once, whatever the others do', async () => {
  await assert.rejects(allOrFirstFault([new Promise(() => {}), Promise.reject(new Error('mine'))] as const), /mine/)
  assert.deepEqual(await allOrFirstFault([Promise.resolve(1), 'two'] as const), [1, 'two'])
})
