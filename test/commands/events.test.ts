import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { freePort } from '../../src/store/index.ts'
import { makeJourney, withApi } from '../kit/api-server.ts'
import { begun, spawned, typed } from '../kit/commands.ts'
import { ownFolder } from '../kit/folder.ts'
import { listening } from '../kit/listening.ts'
import { until } from '../kit/until.ts'

interface Heard {
  readonly key: string
  readonly lines: readonly string[]
}
type Reply =
  | { readonly status: number; readonly body?: unknown; readonly headers?: Record<string, string> }
  | 'cut'
  | 'silence'

/** An API that answers as it is told, and remembers what it heard. */
async function fakeApi(owner: TestContext, replies: (heard: Heard, at: number) => Reply) {
  const heard: Heard[] = []
  const url = await listening(owner, (request, response) => {
    void bodyOf(request).then((text) => {
      heard.push({ key: String(request.headers['idempotency-key']), lines: text.trimEnd().split('\n') })
      const reply = replies(heard.at(-1) as Heard, heard.length - 1)
      if (reply === 'cut') request.socket.destroy()
      else if (reply !== 'silence')
        response.writeHead(reply.status, reply.headers).end(JSON.stringify(reply.body ?? {}))
    })
  })
  return { url, heard }
}
async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  return Buffer.concat(parts as Uint8Array[]).toString()
}

const accepted = ({ lines }: Heard): Reply => ({
  status: 202,
  body: { results: lines.map((_, at) => ({ event_id: String(at), status: 'accepted' })) },
})
const events = (count: number): string =>
  Array.from({ length: count }, (_, n) => `{"dataset":"d","data":{"n":${n}}}\n`).join('')

async function fileOf(owner: TestContext, text: string): Promise<string> {
  const path = join(await ownFolder(owner), 'events.json')
  await writeFile(path, text)
  return path
}

test('a thousand events go in a request, in order, each once', async (t) => {
  const { url, heard } = await fakeApi(t, accepted)
  const ran = await typed({ PULSE_URL: url }, 'events', 'send', await fileOf(t, events(2_500)), '--json')
  assert.deepEqual(ran.json(), { accepted: 2_500, rejected: 0, rejections: [] })
  assert.deepEqual(
    heard.map(({ lines }) => lines.length),
    [1_000, 1_000, 500],
  )
  assert.equal(heard.flatMap(({ lines }) => `${lines.join('\n')}\n`).join(''), events(2_500))
  assert.equal(new Set(heard.map(({ key }) => key)).size, 3, 'each request has its own idempotency key')
})

test('large events go in smaller requests', async (t) => {
  const { url, heard } = await fakeApi(t, accepted)
  const large = JSON.stringify({ text: 'x'.repeat(900_000) })
  const path = await fileOf(t, `${large}\n${large}\n${large}\n`)
  assert.equal(
    (await typed({ PULSE_URL: url }, 'events', 'send', path, '--dataset', 'd')).out,
    '3 accepted, 0 rejected\n',
  )
  assert.deepEqual(
    heard.map(({ lines }) => lines.length),
    [2, 1],
  )
  assert.equal(heard[1]?.lines[0], `{"dataset":"d","data":${large}}`)
})

test('while the API is away, cut off, limits or fails some, the same request goes again with the same ids', async (t) => {
  const replies: Reply[] = [
    { status: 503, body: { code: 'dependency_away' }, headers: { 'retry-after': '0' } },
    'cut',
    { status: 429, body: { code: 'rate_limited' }, headers: { 'retry-after': '0' } },
    {
      status: 503,
      headers: { 'retry-after': '0' },
      body: {
        code: 'publish_failed',
        results: [
          { event_id: 'a', status: 'accepted' },
          { event_id: 'b', status: 'failed', code: 'publish_failed' },
        ],
      },
    },
  ]
  const { url, heard } = await fakeApi(t, (said, at) => replies[at] ?? accepted(said))
  const ran = await typed({ PULSE_URL: url }, 'events', 'send', await fileOf(t, events(2)))
  assert.deepEqual([ran.code, ran.out], [0, '2 accepted, 0 rejected\n'])
  assert.equal(heard.length, 5)
  assert.equal(new Set(heard.map(({ key, lines }) => key + lines.join('\n'))).size, 1)
})

test('when patience is over it ends with 3, and says what was accepted and from where on to go on', async (t) => {
  const away: Reply = { status: 503, body: { code: 'draining', detail: 'The server is stopping.' } }
  const { url } = await fakeApi(t, (said, at) => (at === 0 ? accepted(said) : away))
  const path = await fileOf(t, events(1_500))
  const ran = await typed({ PULSE_URL: url }, 'events', 'send', path, '--patience', '0')
  assert.equal(ran.code, 3)
  assert.match(ran.err, /^1,000 events were accepted; those from 1001 on were not, or may not have been\.\n/)
  assert.match(ran.err, /The server is stopping\.\ncode draining \(503\)\n$/)
  const nobody = { PULSE_URL: `http://127.0.0.1:${await freePort()}` }
  const unheard = await typed(nobody, 'events', 'send', path, '--patience', '0')
  assert.equal(unheard.code, 3)
  assert.match(unheard.err, /cannot be reached \(.*ECONNREFUSED.*\)\. Is Pulse running\?/)
})

test('Ctrl-C says what was accepted, and from where on to go on', async (t) => {
  const { url, heard } = await fakeApi(t, (said, at) => (at === 0 ? accepted(said) : 'silence'))
  const sending = begun({ PULSE_URL: url }, ['events', 'send', await fileOf(t, events(1_500))])
  await until('the second request', () => heard.length === 2)
  sending.stop('SIGINT')
  const { code, out, err } = await sending.ended
  assert.deepEqual([code, out], [130, ''])
  assert.equal(err, '1,000 events were accepted; those from 1001 on were not, or may not have been.\n')
})

test('a request that is refused ends it at once, and says what was accepted before', async (t) => {
  const refused: Reply = { status: 403, body: { code: 'tenant_suspended', detail: 'The tenant is suspended.' } }
  const { url, heard } = await fakeApi(t, (said, at) => (at === 0 ? accepted(said) : refused))
  const ran = await typed({ PULSE_URL: url }, 'events', 'send', await fileOf(t, events(1_001)))
  assert.equal(ran.code, 1)
  assert.equal(
    ran.err,
    '1,000 events were accepted; those from 1001 on were not, or may not have been.\nThe tenant is suspended.\ncode tenant_suspended (403)\n',
  )
  assert.equal(heard.length, 2)
})

test('no events, and seconds that are none, are mistakes', async (t) => {
  const { url } = await fakeApi(t, accepted)
  const none = await typed({ PULSE_URL: url }, 'events', 'send', await fileOf(t, '\n'))
  assert.deepEqual([none.code, none.out], [2, ''])
  assert.match(none.err, /There are no events in /)
  const odd = await typed({ PULSE_URL: url }, 'events', 'send', await fileOf(t, '{}'), '--patience', 'long')
  assert.equal(odd.code, 2)
})

test('a real API: what it rejects is told by line, code and place, and the others are on the bus', async (t) => {
  const api = await withApi(t)
  const { tenant } = await makeJourney(api)
  const at = '"timestamp":"2026-11-25T08:00:00Z"'
  const text = `[{"n":1,${at}},{"n":"two",${at}},{"n":9007199254740993,${at}},{"n":4}]`
  const env = { PULSE_URL: api.url, PULSE_TENANT: tenant }
  const ran = await typed(env, 'events', 'send', await fileOf(t, text), '--dataset', 'events')
  assert.equal(ran.code, 1, ran.err)
  assert.match(
    ran.out,
    /^2 accepted, 2 rejected\n\nline  code +pointer +message\n2 +invalid +\/data\/n +\S.*\n4 +invalid +\/data/,
  )
  const values = [...api.bus.records.values()].flat().map(({ value }) => value.toString())
  assert.deepEqual(
    values.map((value) => /\{"n":\d+/.exec(value)?.[0]).sort(),
    ['{"n":1', '{"n":9007199254740993'],
    'digit for digit',
  )
})

test('a process of its own reads standard input, writes one JSON, and ends', async (t) => {
  const { url } = await fakeApi(t, accepted)
  const env = { PULSE_URL: url, PULSE_DATA_DIR: await ownFolder(t) }
  const ran = await spawned(env, ['events', 'send', '-', '--json'], events(3))
  assert.deepEqual([ran.code, ran.out, ran.err], [0, '{"accepted":3,"rejected":0,"rejections":[]}\n', ''])
})
