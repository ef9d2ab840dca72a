import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { runWorker } from '../../src/worker/index.ts'
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
    partitions.map((one) => [one['topic'], one['position'], one['lag']]),
    [[place.topic, 3, 0]],
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
  const stopped = worker.stop()
  const during = await get(worker.ports.health, '/healthz')
  assert.equal(during.status, 503)
  assert.match(during.text, /stopping/)
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
