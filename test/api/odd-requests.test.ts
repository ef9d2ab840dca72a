import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, test } from 'node:test'
import { makeJourney, withApi } from '../kit/api-server.ts'

const api = await withApi({ after })
const { tenant } = await makeJourney(api)
const event = '{"dataset":"events","data":{"timestamp":"2026-11-25T08:00:00Z"}}'

/** Sends bytes and answers all that comes back until the connection is closed. */
function raw(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(api.port, '127.0.0.1', () => socket.write(bytes))
    let answer = ''
    socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk))
    socket.on('close', () => resolve(answer)).on('error', () => undefined)
    socket.setTimeout(15_000, () => reject(new Error(`no end of it after 15 s: ${answer}`)))
  })
}
const collect = (headers: string, body = event, host = 'host: x\r\n') =>
  raw(
    `POST /v1/collect HTTP/1.1\r\n${host}x-tenant-id: ${tenant}\r\ncontent-type: application/json\r\n` +
      `connection: close\r\n${headers}\r\n\r\n${body}`,
  )
function assertProblem(answer: string, status: number, code: string): void {
  assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `))
  assert.match(answer, /x-request-id: [0-9a-f-]{36}\r\n/)
  assert.match(answer, /traceparent: 00-/)
  assert.match(answer, /content-type: application\/problem\+json/)
  assert.match(answer, new RegExp(`"code":"${code}"`))
}

test('an Expect that nobody knows is ignored', async () => {
  assert.match(await collect(`content-length: ${event.length}\r\nexpect: 200-maybe`), /^HTTP\/1\.1 202 /)
})

test('100-continue asks for the body, unless it says that it is too large for any route', async () => {
  const answer = await collect(`content-length: ${event.length}\r\nexpect: 100-continue`)
  assert.match(answer, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 202 /)
  assertProblem(await collect('content-length: 17000000\r\nexpect: 100-continue', ''), 413, 'too_large')
})

test('HTTP/1.1 without Host is answered as a problem, HTTP/1.0 needs none', async () => {
  assertProblem(await collect(`content-length: ${event.length}`, event, ''), 400, 'malformed')
  assert.match(await raw('GET /health HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 200 /)
})

test('CONNECT is answered as a problem', async () => {
  assertProblem(await raw('CONNECT example.com:443 HTTP/1.1\r\nhost: example.com\r\n\r\n'), 400, 'malformed')
})
