import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { json, openServer, text } from '../../src/telemetry/servers.ts'
import { until } from '../kit/until.ts'

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

test('a path that ends in a star takes one segment more, and no other path is taken by it', async () => {
  await using server = await openServer('127.0.0.1', 0, {
    '/traces/*': (_, id) => text(200, id),
    '/traces': () => text(200, 'all'),
  })
  const get = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${server.port}${path}`)
    return `${answer.status} ${(await answer.text()).trim().slice(0, 20)}`
  }
  assert.equal(await get('/traces/0af7'), '200 0af7')
  assert.equal(await get('/traces/0af7/?x=1'), '200 0af7')
  assert.equal(await get('/traces'), '200 all')
  for (const path of ['/traces/a/b', '/other/a', '/*', '/a']) assert.match(await get(path), /^404/, path)
})

test('a HEAD has the length of what a GET answers, and no body; the next request on its connection is answered', async () => {
  await using server = await openServer('127.0.0.1', 0, { '/m': () => text(200, 'é'.repeat(50)) })
  const socket = connect(server.port, '127.0.0.1')
  const read: Buffer[] = []
  socket.on('data', (chunk) => read.push(chunk))
  socket.write('HEAD /m HTTP/1.1\r\nhost: x\r\n\r\nGET /m HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
  await once(socket, 'close')
  const [head, get, body] = Buffer.concat(read).toString().split('\r\n\r\n')
  assert.match(head ?? '', /^HTTP\/1\.1 200 OK\r\n[^]*content-length: 101/)
  assert.match(get ?? '', /^HTTP\/1\.1 200 OK\r\n[^]*content-length: 101/)
  assert.equal(Buffer.byteLength(body ?? ''), 101)
})

/** Descriptors and connections that this process has open. */
const openFiles = (): number => readdirSync('/proc/self/fd').length

test('a hundred scrapers at once are answered, and none leaves anything behind', async () => {
  const page = 'x'.repeat(1 << 20)
  await using server = await openServer('127.0.0.1', 0, { '/metrics': () => text(200, page) })
  const scrape = async (): Promise<number> => {
    const answer = await fetch(`http://127.0.0.1:${server.port}/metrics`, { headers: { connection: 'close' } })
    return (await answer.text()).length
  }
  await scrape()
  const before = openFiles()
  const lengths = await Promise.all(Array.from({ length: 100 }, scrape))
  assert.deepEqual(new Set(lengths), new Set([page.length + 1]))
  await until('all is closed', () => openFiles() <= before)
})

test('those that never read, or never end their question, are left after a bound, and nothing stays behind', async () => {
  const large = 'x'.repeat(16 << 20)
  await using server = await openServer('127.0.0.1', 0, { '/large': () => text(200, large) }, { answerMs: 500 })
  const before = openFiles()
  const ask = (question: string): Socket => {
    const socket = connect(server.port, '127.0.0.1').on('error', () => undefined)
    socket.write(question)
    return socket
  }
  const deaf = Array.from({ length: 5 }, () => ask('GET /large HTTP/1.1\r\nhost: x\r\n\r\n').pause())
  const half = ask('GET /metr').resume()
  // Each connection is two descriptors of this process: the server has left when only the clients' are there.
  const clients = (): number => [...deaf, half].filter(({ closed }) => !closed).length
  await until(
    'the server has left them',
    () => deaf.every((one) => !one.connecting) && openFiles() <= before + clients(),
  )
  for (const socket of deaf) {
    // What the kernel holds already is read; then the end shows.
    socket.resume()
    await until('its end', () => socket.closed)
    assert.ok(socket.bytesRead < large.length, 'the answer was cut')
  }
  await until('all is closed', () => half.closed && openFiles() <= before)
})
