import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { after, beforeEach, test } from 'node:test'
import { LEFT, listen, type Announcements } from '../../src/telemetry/index.ts'
import type { Store } from '../../src/store/index.ts'
import { makeJourney, withApi } from '../kit/api-server.ts'
import { until } from '../kit/until.ts'

const held = { until: undefined as Promise<void> | undefined }
const slow = (store: Store): Store => ({
  ...store,
  asTenant: async (...given) => {
    await held.until
    return store.asTenant(...given)
  },
})
const api = await withApi({ after }, { store: slow, settings: { collectBodyTimeoutMs: 300 } })
const { tenant } = await makeJourney(api)
const heard: Announcements['api.request.finished'][] = []
after(listen('api.request.finished', (said) => void heard.push(said)))
beforeEach(() => void (heard.length = 0))

async function say(text: string): Promise<Socket> {
  const socket = connect(api.port, '127.0.0.1')
  await once(socket, 'connect')
  socket.on('error', () => undefined)
  socket.write(text)
  return socket
}
const head = (line: string, more = ''): string => `${line} HTTP/1.1\r\nHost: x\r\nX-Tenant-ID: ${tenant}\r\n${more}\r\n`
const told = () => heard.map(({ route, status, code }) => [route, status, code])

test('requests whose client leaves before their answer are told once each, with how long it waited', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  held.until = promise
  const socket = await say(head('GET /v1/datasets') + head('GET /v1/schemas'))
  await delay(100)
  assert.deepEqual(told(), [])
  socket.destroy()
  await until('it to be told', () => heard.length > 0)
  resolve()
  held.until = undefined
  await delay(200) // the handler ends, and has nobody to answer
  const [one] = heard
  assert.deepEqual(told(), [
    ['/v1/datasets', LEFT, 'client_left'],
    ['/v1/schemas', LEFT, 'client_left'],
  ])
  assert.ok(one !== undefined && one.tookMs >= 90 && one.isIncomplete === undefined && one.tenant !== undefined)
})

test('one that leaves in the middle of its body is told as what it was, once', async () => {
  const socket = await say(`${head('POST /v1/collect', 'content-type: application/json\r\ncontent-length: 1000\r\n')}{`)
  await delay(100)
  socket.destroy()
  await until('it to be told', () => heard.length > 0)
  await delay(100)
  assert.deepEqual(
    heard.map(({ route, isIncomplete }) => [route, isIncomplete]),
    [['/v1/collect', true]],
  )
})

test('an answered request is told once, when its connection goes on and when it ends', async () => {
  const socket = await say(head('GET /v1/datasets'))
  await once(socket, 'data')
  socket.write(head('GET /v1/schemas', 'Connection: close\r\n'))
  await once(socket, 'close')
  await delay(50)
  assert.deepEqual(told(), [
    ['/v1/datasets', 200, undefined],
    ['/v1/schemas', 200, undefined],
  ])
})
