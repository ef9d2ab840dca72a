import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { test, type TestContext } from 'node:test'
import { openHttp, type Http } from '../../src/client/index.ts'
import { freePort } from '../../src/store/index.ts'
import { listening } from '../kit/listening.ts'

const clientOf = async (owner: TestContext, listener: RequestListener, timeoutMs = 5_000): Promise<Http> =>
  openHttp({ base: await listening(owner, listener), timeoutMs, mostBytes: 1 << 20 })

test('what gets no answer is one error with a code and a sentence: nobody there, too slow, stalled, cut off, endless', async (t) => {
  const nobody = openHttp({ base: `http://127.0.0.1:${await freePort()}` })
  await assert.rejects(nobody.ask('GET', '/'), {
    name: 'Unanswered',
    code: 'unreachable',
    message: /cannot be reached \(connect ECONNREFUSED/,
  })
  const slow = await clientOf(t, () => {}, 50)
  await assert.rejects(slow.ask('GET', '/'), { code: 'timeout', message: /did not answer within 0\.05 s/ })
  const stalls = await clientOf(t, (_, response) => void response.writeHead(200).write('{'), 50)
  await assert.rejects(stalls.ask('GET', '/'), { code: 'timeout' })
  const cut = await clientOf(t, (request) => request.socket.destroy())
  await assert.rejects(cut.ask('GET', '/'), { code: 'unreachable' })
  const endless = await clientOf(t, (_, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(1 << 18)));
    }
    response.on('drain', more)
    more()
  })
  await assert.rejects(endless.ask('GET', '/'), { code: 'answer_too_large', message: /more than 1 MiB/ })
})

test('tenant, key, headers and body arrive below the base, and a key is asked at every call', async (t) => {
  const asked: unknown[] = []
  const base = await listening(t, (request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const { authorization, 'content-type': type, 'x-tenant-id': tenant, 'if-match': match } = request.headers
      asked.push([
        request.method,
        request.url,
        authorization,
        type,
        tenant,
        match,
        Buffer.concat(parts as Uint8Array[]).toString(),
      ])
      response.writeHead(201, { etag: '"1"' }).end('{"n":12345678901234567890}')
    })
  })
  const keys = ['pulse_a_b', undefined]
  const client = openHttp({ base: `${base}/behind/`, key: () => keys.shift() })
  const answer = await client.ask('PATCH', '/v1/x?y=1', {
    tenantId: 't',
    body: { a: 'ü' },
    headers: { 'if-match': 'm' },
  })
  assert.deepEqual([answer.status, answer.headers['etag']], [201, '"1"'])
  assert.equal(answer.text, '{"n":12345678901234567890}', 'the text is as it was sent')
  await client.ask('POST', '/v1/x', { content: { type: 'text/csv', data: Buffer.from('a,b') } })
  assert.deepEqual(asked, [
    ['PATCH', '/behind/v1/x?y=1', 'Bearer pulse_a_b', 'application/json', 't', 'm', '{"a":"ü"}'],
    ['POST', '/behind/v1/x', undefined, 'text/csv', undefined, undefined, 'a,b'],
  ])
})

test('an answer that is no JSON has its text and nothing more', async (t) => {
  const client = await clientOf(t, (_, response) => void response.writeHead(502).end('<html>'))
  const { status, text, json } = await client.ask('GET', '/')
  assert.deepEqual([status, text, json], [502, '<html>', undefined])
})

test('a streamed body may take longer than the bound while it moves, and is given up when nothing moves', async (t) => {
  let bytes = 0
  const client = await clientOf(
    t,
    (request, response) => {
      request.on('data', (part: Buffer) => (bytes += part.length))
      request.on('end', () => response.end('{}'))
    },
    200,
  )
  async function* slowly(): AsyncGenerator<Buffer> {
    for (let part = 0; part < 8; part++) {
      yield Buffer.alloc(1_000)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  await client.ask('POST', '/', { content: { type: 'text/plain', data: Readable.from(slowly()) } })
  assert.equal(bytes, 8_000)
  const hangs = new Readable({ read: () => undefined })
  hangs.push('a')
  await assert.rejects(client.ask('POST', '/', { content: { type: 'text/plain', data: hangs } }), { code: 'timeout' })
  assert.ok(hangs.destroyed)
})

test('an answer that comes before the body is over counts, and the rest of the body is not read from its source', async (t) => {
  const client = await clientOf(t, (_, response) => void response.writeHead(401).end('{"code":"key_required"}'))
  let given = 0
  const endless = new Readable({
    read() {
      given += 1
      this.push(Buffer.alloc(1 << 16))
    },
  })
  const { status } = await client.ask('POST', '/', { content: { type: 'text/plain', data: endless } })
  assert.equal(status, 401)
  assert.ok(endless.destroyed, `${given} parts were read`)
})

test('a body whose source breaks rejects with the source’s own error', async (t) => {
  const client = await clientOf(t, (request) => void request.resume())
  const breaks = new Readable({ read: () => undefined })
  breaks.push('a')
  setImmediate(() => breaks.destroy(new Error('the disk is gone')))
  await assert.rejects(client.ask('POST', '/', { content: { type: 'text/plain', data: breaks } }), {
    name: 'Error',
    message: 'the disk is gone',
  })
})

test('each question has a connection of its own, also where an answer leaves its one open', async (t) => {
  const connections: Socket[] = []
  const server = createServer((socket) => {
    connections.push(socket)
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1'))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const socket of connections) socket.destroy()
    server.close()
  })
  const client = openHttp({ base: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
  for (const count of [1, 2]) {
    assert.equal((await client.ask('GET', '/')).json, 1)
    assert.equal(connections.length, count)
  }
})
