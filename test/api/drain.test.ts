import assert from 'node:assert/strict'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { test } from 'node:test'
import { makeJourney, withApi } from '../kit/api-server.ts'
import { until } from '../kit/until.ts'

const EVENT = { dataset: 'events', data: { timestamp: '2026-11-25T08:00:00Z' } }

test('draining: what is under way is answered, what is new is refused, then nothing listens', async (t) => {
  const api = await withApi(t)
  const { tenant } = await makeJourney(api)
  const release = api.bus.hold()
  const underWay = api.ask('POST', '/v1/collect', { tenant, body: EVENT })
  await until('the event waits for the bus', () => api.bus.calls.includes('publish'))
  // A connection that has sent half a request when the drain begins.
  const agent = new Agent({ keepAlive: true })
  const late = new Promise<{ status: number; connection: string | undefined; body: string }>((resolve, reject) => {
    const half = request({
      port: api.port,
      host: '127.0.0.1',
      path: '/v1/collect',
      method: 'POST',
      agent,
      headers: { 'x-tenant-id': tenant, 'content-type': 'application/json' },
    })
    half.on('error', reject).on('response', (answer) => {
      let body = ''
      answer
        .setEncoding('utf8')
        .on('data', (chunk: string) => (body += chunk))
        .on('end', () => resolve({ status: answer.statusCode ?? 0, connection: answer.headers.connection, body }))
    })
    half.on('socket', (socket) =>
      socket.once('connect', () => {
        const closing = api.running.close()
        void closing
        setImmediate(() => half.end(JSON.stringify(EVENT)))
      }),
    )
  })
  const refused = await late
  assert.equal(refused.status, 503)
  assert.equal(refused.connection, 'close')
  assert.equal(JSON.parse(refused.body).code, 'draining')
  release()
  assert.equal((await underWay).status, 202)
  await api.running.close()
  await assert.rejects(
    new Promise((resolve, reject) => connect(api.port, '127.0.0.1').once('connect', resolve).once('error', reject)),
    /ECONNREFUSED/,
  )
  agent.destroy()
})

test('a drain is bounded: what never ends is cut', async (t) => {
  const api = await withApi(t, { settings: { drainSeconds: 0.3 } })
  const { tenant } = await makeJourney(api)
  const release = api.bus.hold()
  const stuck = api.ask('POST', '/v1/collect', { tenant, body: EVENT }).then(
    () => 'answered',
    () => 'cut',
  )
  await until('the event waits for the bus', () => api.bus.calls.includes('publish'))
  const started = performance.now()
  await api.running.close()
  assert.ok(performance.now() - started < 10_000)
  assert.equal(await stuck, 'cut')
  release()
})

test('a port closes once nobody has sent anything for a while: until then whoever sends is told to send again', async (t) => {
  const api = await withApi(t, { quietMs: 1_000 })
  const { tenant } = await makeJourney(api)
  const closing = api.running.close()
  const started = performance.now()
  const answers: string[] = []
  while (performance.now() - started < 2_000) {
    const { status, headers, body } = await api.ask('POST', '/v1/collect', { tenant, body: EVENT })
    answers.push(`${status} ${body['code']} ${headers.get('retry-after')} ${headers.get('connection')}`)
  }
  assert.deepEqual([...new Set(answers)], ['503 draining 1 close'])
  await closing
  await assert.rejects(api.ask('GET', '/health'), /fetch failed/)
})
