import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeJourney, withApi } from '../kit/api-server.ts'

/** The connection itself as a weapon: requests hidden in others, heads without end, clients that never finish. */
const api = await withApi({ after })
const { tenant } = await makeJourney(api)
const event = '{"dataset":"events","data":{"timestamp":"2026-11-25T08:00:00Z"}}'
const topic = `pulse.${tenant}.events.raw`
const HEAD = `POST /v1/collect HTTP/1.1\r\nhost: x\r\nx-tenant-id: ${tenant}\r\ncontent-type: application/json\r\n`
/** Whoever sees this answered has smuggled. */
const HIDDEN = `GET /v1/tenants?slug=smuggled HTTP/1.1\r\nhost: x\r\n\r\n`

interface Exchange {
  readonly text: string
  /** Status of each answer that came back, in order. */
  readonly statuses: number[]
}

/** Sends bytes as they are, and reads until the server closes or says nothing for a while. */
function raw(bytes: string | Buffer, quietMs = 1_500): Promise<Exchange> {
  return new Promise((resolve) => {
    const socket = connect(api.port, '127.0.0.1', () => socket.write(bytes))
    let text = ''
    const done = (): void => {
      socket.destroy()
      resolve({ text, statuses: [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status)) })
    }
    socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk))
    socket.on('close', done).on('error', () => undefined)
    socket.setTimeout(quietMs, done)
  })
}

const published = (): number => api.bus.records.get(topic)?.length ?? 0
const chunked = (body: string): string => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`

test('no request hides in the body of another: each way to say two lengths is refused, and the connection ends', async () => {
  const te = 'transfer-encoding: chunked\r\n'
  const ambiguous: Readonly<Record<string, string>> = {
    'a length and chunks': `${HEAD}content-length: 4\r\n${te}\r\n${chunked(event)}${HIDDEN}`,
    'chunks and a length': `${HEAD}${te}content-length: ${event.length}\r\n\r\n0\r\n\r\n${HIDDEN}`,
    'two lengths': `${HEAD}content-length: ${event.length}\r\ncontent-length: 5\r\n\r\n${event}${HIDDEN}`,
    'two lengths in one': `${HEAD}content-length: 5, ${event.length}\r\n\r\n${event}${HIDDEN}`,
    'a length with a sign': `${HEAD}content-length: +${event.length}\r\n\r\n${event}${HIDDEN}`,
    'a length in hexadecimal': `${HEAD}content-length: 0x10\r\n\r\n${event}${HIDDEN}`,
    'a length below nothing': `${HEAD}content-length: -1\r\n\r\n${event}${HIDDEN}`,
    'a length beyond numbers': `${HEAD}content-length: 99999999999999999999\r\n\r\n${event}${HIDDEN}`,
    'an encoding that nobody knows': `${HEAD}transfer-encoding: xchunked\r\n\r\n${chunked(event)}${HIDDEN}`,
    'chunked, and not at the end': `${HEAD}transfer-encoding: chunked, identity\r\n\r\n${chunked(event)}${HIDDEN}`,
    'chunked twice': `${HEAD}${te}${te}\r\n${chunked(event)}${HIDDEN}`,
    'a space before the colon': `${HEAD}content-length : ${event.length}\r\n\r\n${event}${HIDDEN}`,
    'a head folded over lines': `${HEAD}x: a\r\n b\r\ncontent-length: 5\r\n\r\n${event}${HIDDEN}`,
    'a chunk with a sign': `${HEAD}${te}\r\n+5\r\nhello\r\n0\r\n\r\n${HIDDEN}`,
    'a chunk beyond numbers': `${HEAD}${te}\r\nffffffffffffffffff\r\n${event}\r\n0\r\n\r\n${HIDDEN}`,
    'a chunk longer than it says': `${HEAD}${te}\r\n2\r\n${event}\r\n0\r\n\r\n${HIDDEN}`,
    'a chunk that ends in a bare line feed': `${HEAD}${te}\r\n5\nhello\n0\n\n${HIDDEN}`,
    'a NUL in a head': `${HEAD}x: a\0b\r\ncontent-length: ${event.length}\r\n\r\n${event}${HIDDEN}`,
    'a bare carriage return in a head': `${HEAD}x: a\rcontent-length: 5\r\n\r\n${event}${HIDDEN}`,
  }
  const before = published()
  const wrong: string[] = []
  await Promise.all(
    Object.entries(ambiguous).map(async ([what, bytes]) => {
      const { text, statuses } = await raw(bytes)
      if (statuses.length !== 1 || statuses[0] !== 400) wrong.push(`${what}: ${JSON.stringify(statuses)}`)
      if (text.includes('"items"')) wrong.push(`${what}: the hidden request was answered`)
      if (!/connection: close/i.test(text)) wrong.push(`${what}: the connection goes on`)
    }),
  )
  assert.deepEqual(wrong, [])
  assert.equal(published(), before, 'none of it became an event')
})

test('requests one after the other on a connection are answered each for itself, in order', async () => {
  const collect = `${HEAD}content-length: ${event.length}\r\n\r\n${event}`
  const bad = `${HEAD}content-length: 1\r\n\r\n{`
  const { statuses } = await raw(`${collect}${bad}${collect}GET /health HTTP/1.1\r\nhost: x\r\n\r\n`)
  assert.deepEqual(statuses, [202, 400, 202, 200])
  // A body for a route that wants none is read as one, and not as the next request.
  const { statuses: some } = await raw(
    `GET /health HTTP/1.1\r\nhost: x\r\ncontent-length: ${HIDDEN.length}\r\n\r\n${HIDDEN}GET /health HTTP/1.1\r\nhost: x\r\n\r\n`,
  )
  assert.ok(some.length <= 2 && some.every((status) => status === 200 || status === 400), JSON.stringify(some))
})

test('a head may have 16 KiB, in few fields or many; a longer one is refused by name and costs nothing', async () => {
  const many = Array.from({ length: 3_000 }, (_, index) => `x-${index}: ${index}\r\n`).join('')
  for (const fields of [`x: ${'y'.repeat(17_000)}\r\n`, many, `${'z'.repeat(17_000)}: 1\r\n`]) {
    const { text, statuses } = await raw(`GET /health HTTP/1.1\r\nhost: x\r\n${fields}\r\n`)
    assert.deepEqual(statuses, [400])
    assert.match(text, /larger than 16 KiB/)
  }
  // An address that is longer than any that exists.
  assert.deepEqual((await raw(`GET /${'a'.repeat(15_000)} HTTP/1.1\r\nhost: x\r\n\r\n`)).statuses, [404])
  const deep = '/..'.repeat(4_000)
  assert.deepEqual((await raw(`GET ${deep}/etc/passwd HTTP/1.1\r\nhost: x\r\n\r\n`)).statuses, [404])
})

test('no path leads to a file, however it climbs', async () => {
  for (const path of [
    '/docs/../../../etc/passwd',
    '/docs/%2e%2e/%2e%2e/package.json',
    '/docs/..%2f..%2fpackage.json',
    '/docs/js/..%5c..%5cpackage.json',
    '/docs//etc/passwd',
    '/docs/js/%00scalar.js',
    '/openapi.json/../package.json',
    '//etc/passwd',
    '/%2e%2e/%2e%2e/etc/passwd',
    'http://other.example/v1/tenants/../../etc/passwd',
    '/v1/datasets/..%2f..%2ftenants/preview',
    '/v1/datasets/%2e%2e',
    '/metrics/../v1/collect',
  ]) {
    const { text, statuses } = await raw(
      `GET ${path} HTTP/1.1\r\nhost: x\r\nx-tenant-id: ${tenant}\r\nconnection: close\r\n\r\n`,
    )
    assert.ok(statuses.length === 1 && [400, 404].includes(statuses[0] as number), `${path}: ${text.slice(0, 300)}`)
    assert.doesNotMatch(text, /root:|"dependencies"/, path)
  }
})

test('what a client says comes back in no head of an answer', async () => {
  const word = 'x-planted'
  const planted = `%0d%0a${word}: 1`
  for (const [method, path, headers] of [
    ['GET', `/v1/tenants?slug=${planted}`, ''],
    ['GET', `/v1/${planted}`, ''],
    ['DELETE', `/docs${planted}`, ''],
    ['GET', `/docs?x=${planted}`, ''],
    ['GET', `/metrics?x=${planted}`, ''],
    ['GET', `/v1/datasets/${planted}/preview`, `x-tenant-id: ${tenant}\r\n`],
    ['GET', '/metrics', `host: ${word}.example\r\nx-forwarded-host: ${word}.example\r\n`],
    ['GET', '/docs', `x-forwarded-host: ${word}.example\r\nx-request-id: ${word}\r\ntraceparent: ${word}\r\n`],
    ['OPTIONS', '/v1/collect', `origin: https://${word}.example\r\naccess-control-request-method: POST\r\n`],
  ] as const) {
    const host = headers.includes('host: ') && headers.startsWith('host') ? '' : 'host: x\r\n'
    const { text } = await raw(`${method} ${path} HTTP/1.1\r\n${host}${headers}connection: close\r\n\r\n`)
    const head = text.split('\r\n\r\n', 1)[0] ?? ''
    assert.ok(head !== '' && !head.includes(word), `${method} ${path}: ${head}`)
    assert.doesNotMatch(head, /access-control-allow/i)
  }
})

test(
  'clients that never finish their head are shown out, and keep nobody else waiting',
  { timeout: 60_000 },
  async (t) => {
    const SLOW = 300
    const sockets: Socket[] = []
    let ended = 0
    let last = ''
    for (let index = 0; index < SLOW; index += 1) {
      const socket = connect(api.port, '127.0.0.1')
      socket.on('error', () => undefined).on('close', () => (ended += 1))
      socket.on('data', (chunk) => (last = String(chunk)))
      await once(socket, 'connect')
      socket.write(`GET /health HTTP/1.1\r\nhost: x\r\nx-${index}: `)
      sockets.push(socket)
    }
    t.after(() => sockets.forEach((socket) => socket.destroy()))
    const began = performance.now()
    let slowestMs = 0
    // A letter from each now and then, so that none of them is ever quiet.
    while (ended < SLOW && performance.now() - began < 45_000) {
      for (const socket of sockets) if (socket.writable) socket.write('y')
      const asked = performance.now()
      const answer = await api.ask('POST', '/v1/collect', { tenant, body: event })
      assert.equal(answer.status, 202, answer.text)
      slowestMs = Math.max(slowestMs, performance.now() - asked)
      await sleep(500)
    }
    const tookMs = performance.now() - began
    t.diagnostic(
      `${ended} of ${SLOW} ended after ${Math.round(tookMs)} ms; a collect took ${Math.round(slowestMs)} ms at most`,
    )
    assert.equal(ended, SLOW)
    assert.match(last, /^HTTP\/1\.1 408 /)
    assert.ok(tookMs > 5_000, 'they were let be for a while, as slow clients that mean well are')
    assert.ok(slowestMs < 3_000)
  },
)
