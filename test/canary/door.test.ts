import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expecting, openDoor } from '../../src/canary/door.ts'
import { freePort } from '../../src/store/index.ts'
import { listening } from '../kit/listening.ts'

test('no answer is a hindrance with a sentence: nobody there, too slow, cut off, too long', async (t) => {
  const nobody = openDoor(`http://127.0.0.1:${await freePort()}`)
  await assert.rejects(nobody.ask('GET', '/'), {
    code: 'unreachable',
    message: /cannot be reached \(connect ECONNREFUSED/,
  })
  const slow = openDoor(await listening(t, () => {}), 50)
  await assert.rejects(slow.ask('GET', '/'), { code: 'timeout', message: /did not answer within 0\.05 s/ })
  const stalls = openDoor(await listening(t, (_, response) => void response.writeHead(200).write('{')), 50)
  await assert.rejects(stalls.ask('GET', '/'), { code: 'timeout' })
  const cut = openDoor(await listening(t, (request) => request.socket.destroy()))
  await assert.rejects(cut.ask('GET', '/'), { code: 'unreachable' })
  const endless = openDoor(
    await listening(t, (_, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(1 << 20)));
      }
      response.on('drain', more)
      more()
    }),
  )
  await assert.rejects(endless.ask('GET', '/'), { code: 'answer_too_large' })
})

test('an answer that is no JSON object is empty, whatever its status', async (t) => {
  for (const body of ['', 'no', 'null', '7']) {
    const door = openDoor(await listening(t, (_, response) => void response.writeHead(502).end(body)))
    assert.deepEqual(await door.ask('GET', '/'), { status: 502, body: {} })
  }
  assert.throws(() => expecting({ status: 502, body: {} }, 200), { code: 'status_502' })
})

test('paths stand below the base, and lines, tenant and trace are sent', async (t) => {
  let asked: unknown
  const base = await listening(t, (request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const { 'content-type': type, 'x-tenant-id': tenant, traceparent } = request.headers
      asked = [request.method, request.url, type, tenant, traceparent, Buffer.concat(parts).toString()]
      response.end('{"a":1}')
    })
  })
  const { body } = await openDoor(`${base}/below/`).ask('POST', '/v1/x', {
    tenantId: 't',
    lines: ['{"é":1}', '{}'],
    traceparent: '00-1',
  })
  assert.deepEqual(body, { a: 1 })
  assert.deepEqual(asked, ['POST', '/below/v1/x', 'application/x-ndjson', 't', '00-1', '{"é":1}\n{}\n'])
})
