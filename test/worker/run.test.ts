import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { redact } from '../../src/config/index.ts'
import { runWorker } from '../../src/worker/index.ts'
import { openProxy } from '../kit/proxy.ts'
import { openWorkerGround } from '../kit/worker-ground.ts'
import { until } from '../kit/until.ts'

const get = async (
  port: number,
  path: string,
  method = 'GET',
): Promise<{ status: number; text: string; type: string }> => {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, redirect: 'manual' })
  return { status: answer.status, text: (await answer.text()).trim(), type: answer.headers.get('content-type') ?? '' }
}

test('a worker carries what is published to rows, and its ports say so', async (t) => {
  const ground = await openWorkerGround(t)
  const worker = await runWorker(ground.settings())
  t.after(() => worker.stop())
  const before = await get(worker.ports.health, '/healthz')
  assert.equal(before.status, 503)
  assert.match(before.text, /partition|Postgres/)
  const noted = await until('its settings to be noted', async () => {
    const rows = await ground.pg
      .sql('admin')
      .query<{ actor: string; after: object }>(`SELECT actor, after FROM audit WHERE entity = 'settings'`)
    return rows.length > 0 && rows
  })
  assert.deepEqual(noted, [{ actor: 'pulse:worker', after: JSON.parse(JSON.stringify(redact(ground.settings()))) }])
  const place = await ground.place('carried')
  await ground.publish(place, [1, 2, 3])
  await until('three rows', async () => (await ground.numbers(place)).length === 3)
  assert.deepEqual(await ground.numbers(place), [1, 2, 3])
  assert.deepEqual(await get(worker.ports.health, '/healthz'), {
    status: 200,
    text: 'healthy',
    type: 'text/plain; charset=utf-8',
  })
  assert.equal((await get(worker.ports.health, '/livez')).status, 200)
  assert.equal((await get(worker.ports.health, '/startupz')).status, 200)
  assert.equal((await get(worker.ports.health, '/')).status, 404)
  assert.equal((await get(worker.ports.health, '/healthz', 'POST')).status, 405)
  const partitions = JSON.parse((await get(worker.ports.health, '/partitions')).text) as Array<Record<string, unknown>>
  assert.deepEqual(
    partitions.map((one) => [one['topic'], one['partition'], one['position'], one['committed'], one['lag']]),
    [[place.topic, 0, 3, 3, 0]],
  )
  assert.deepEqual(
    partitions.map((one) => [one['high_watermark'], one['oldest_buffered_offset'], one['oldest_buffered_received_at']]),
    [[3, null, null]],
  )
  const metrics = await get(worker.ports.metrics, '/metrics')
  assert.equal(metrics.status, 200)
  assert.match(metrics.text, /pulse_worker_events_consumed_total\{tenant="carried",dataset="events"\} 3/)
  assert.match(metrics.text, /pulse_worker_buffer_rows\{tenant="carried",dataset="events"\} 0/)
})

test('a worker that stops is unhealthy at once, drains, and leaves its partitions to the next', async (t) => {
  const ground = await openWorkerGround(t)
  const place = await ground.place('drained')
  const worker = await runWorker(ground.settings({ PULSE_FLUSH_SECONDS: '1000', PULSE_LEASE_SECONDS: '600' }))
  t.after(() => worker.stop())
  await ground.publish(place, [1, 2, 3])
  await until('buffered', async () =>
    /_buffer_rows\{[^}]*\} 3/.test((await get(worker.ports.metrics, '/metrics')).text),
  )
  const [waiting] = JSON.parse((await get(worker.ports.health, '/partitions')).text) as Array<Record<string, unknown>>
  assert.deepEqual(
    ['position', 'committed', 'oldest_buffered_offset', 'oldest_buffered_received_at'].map((key) => waiting?.[key]),
    [3, 0, 0, '2026-03-04T05:06:07.123Z'],
  )
  const stopped = worker.stop()
  const [during, live] = await Promise.all(['/healthz', '/livez'].map((path) => get(worker.ports.health, path)))
  assert.equal(during?.status, 503)
  assert.match(during?.text ?? '', /stopping/)
  assert.deepEqual([live?.status, live?.text], [200, 'live'], 'whoever drains is alive')
  await stopped
  await worker.closed
  assert.deepEqual(await ground.numbers(place), [1, 2, 3])
  const owners = await ground.pg.sql('admin').query('SELECT owner FROM source_partitions')
  assert.deepEqual(owners, [{ owner: null }])
  assert.deepEqual(await ground.pg.sql('admin').query('SELECT worker FROM worker_members'), [])
})

test('a worker starts while Postgres and the bus are away, says why, and goes on when they come', async (t) => {
  const ground = await openWorkerGround(t)
  const place = await ground.place('late')
  await ground.publish(place, [1, 2])
  // A port that somebody answers later: a listener that takes over the address.
  const hole = createServer((socket) => socket.destroy())
  await new Promise<void>((resolve) => hole.listen(0, '127.0.0.1', resolve))
  const { port } = hole.address() as { port: number }
  const url = new URL(ground.pg.appUrl)
  const { hostname, port: realPort } = url
  url.port = String(port)
  const worker = await runWorker(ground.settings({ PULSE_DATABASE_URL: url.href }))
  t.after(() => worker.stop())
  const early = await until('a reason', async () => {
    const answer = await get(worker.ports.health, '/healthz')
    return answer.text.includes('has not been asked') ? undefined : answer
  })
  assert.equal(early.status, 503)
  assert.match(early.text, /Postgres/)
  assert.equal((await get(worker.ports.health, '/startupz')).status, 503)
  assert.equal((await get(worker.ports.health, '/livez')).status, 200)
  await new Promise((resolve) => hole.close(resolve))
  const { connect } = await import('node:net')
  const proxy = createServer((socket) => {
    const upstream = connect({ host: hostname, port: Number(realPort) })
    socket.pipe(upstream).pipe(socket)
    for (const one of [socket, upstream]) one.on('error', () => (socket.destroy(), upstream.destroy()))
  })
  await new Promise<void>((resolve) => proxy.listen(port, '127.0.0.1', resolve))
  t.after(() => void proxy.close())
  await until('the rows', async () => (await ground.numbers(place)).length === 2)
  await until('healthy', async () => (await get(worker.ports.health, '/healthz')).status === 200)
})

test('a port that is taken is said by its number, and nothing is left open', async (t) => {
  const ground = await openWorkerGround(t)
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  t.after(() => void taken.close())
  const { port } = taken.address() as { port: number }
  await assert.rejects(
    runWorker(ground.settings({ PULSE_WORKER_HEALTH_PORT: String(port) })),
    new RegExp(`Port ${port} .* is taken`),
  )
  await assert.rejects(runWorker({ ...ground.settings(), databaseUrl: undefined }), /PULSE_DATABASE_URL is not set/)
  await assert.rejects(runWorker({ ...ground.settings(), kafkaBrokers: [] }), /PULSE_KAFKA_BROKERS is not set/)
})

test('while Postgres swallows every word, probes and scrapes answer at once, and say so', async (t) => {
  const ground = await openWorkerGround(t)
  const place = await ground.place('swallowed')
  const proxy = await openProxy(t, ground.pg.appUrl)
  const worker = await runWorker(ground.settings({ PULSE_DATABASE_URL: proxy.url, PULSE_LEASE_SECONDS: '60' }))
  t.after(() => worker.stop())
  t.after(() => proxy.away(true))
  await until('healthy', async () => (await get(worker.ports.health, '/healthz')).status === 200)
  const owned = async (): Promise<string | undefined> =>
    /^pulse_bus_partitions (\d+)$/m.exec((await get(worker.ports.metrics, '/metrics')).text)?.[1]
  await until('partitions are counted', async () => (await owned()) === '1', 10_000)
  proxy.swallow(true)
  await ground.publish(place, [1, 2, 3])
  let slowest = 0
  const ask = async (port: number, path: string): ReturnType<typeof get> => {
    const from = performance.now()
    const answer = await get(port, path)
    slowest = Math.max(slowest, performance.now() - from)
    return answer
  }
  const sick = await until('unhealthy', async () => {
    const answer = await ask(worker.ports.health, '/healthz')
    return answer.status === 503 && answer
  })
  assert.match(sick.text, /^Postgres did not answer SELECT 1 within 1 s: /)
  for (let n = 0; n < 30; n += 1) {
    assert.equal((await ask(worker.ports.health, '/livez')).status, 200)
    assert.equal((await ask(worker.ports.health, '/startupz')).status, 200, 'it was started')
    const { text } = await ask(worker.ports.metrics, '/metrics')
    assert.match(text, /^pulse_dependency_up\{dependency="postgres"\} 0$/m)
    assert.match(text, /^pulse_bus_partitions 1$/m, 'what was known is kept')
  }
  assert.ok(slowest < 500, `an answer took ${slowest} ms`)
  proxy.swallow(false)
  await until('healthy again', async () => (await get(worker.ports.health, '/healthz')).status === 200)
  await until('the rows', async () => (await ground.numbers(place)).length === 3)
})

test('a standby says that it is one, and a worker whose database lacks a migration does not say that it has started', async (t) => {
  const ground = await openWorkerGround(t)
  await ground.place('only')
  const first = await runWorker(ground.settings({ PULSE_LEASE_SECONDS: '60' }))
  t.after(() => first.stop())
  await until('healthy', async () => (await get(first.ports.health, '/healthz')).status === 200)
  const admin = ground.pg.sql('admin')
  await admin.query(`UPDATE pulse_migrations SET name = 'renamed' WHERE id = (SELECT max(id) FROM pulse_migrations)`)
  const ports: number[] = []
  for (let n = 0; n < 4; n += 1) {
    const worker = await runWorker(
      ground.settings({ PULSE_LEASE_SECONDS: '60', PULSE_DATA_DIR: `${ground.settings().dataDir}-${n}` }),
    )
    t.after(() => worker.stop())
    ports.push(worker.ports.health)
  }
  const texts = await until('all but one stand by', async () => {
    const answers = await Promise.all([first.ports.health, ...ports].map((port) => get(port, '/healthz')))
    const standing = answers.filter(({ text }) => /^standby: true, partitions: 0\..* 5 workers share/.test(text))
    return standing.length === 4 && answers.filter(({ status }) => status === 200).length === 1 && answers
  })
  assert.equal(texts.length, 5)
  await until('each says what is missing', async () => {
    const started = await Promise.all(ports.map((port) => get(port, '/startupz')))
    assert.ok(started.every(({ status }) => status === 503))
    return started.every(({ text }) => /^The database lacks \d+-[^ ]+: run "pulse migrate"/.test(text))
  })
  assert.equal((await get(first.ports.health, '/startupz')).status, 200)
})
