import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { after, test } from 'node:test'
import { startEmbeddedBus } from '../../src/bus/index.ts'
import type { Held } from '../kit/api-process.ts'
import { call, makePlace, type Place } from '../kit/api.ts'
import { ACCEPTS, NAMES, TRACEPARENTS } from '../kit/bad-window.ts'
import { readExposition } from '../kit/exposition.ts'
import { ownFolder } from '../kit/folder.ts'
import { startOtlp } from '../kit/otlp.ts'
import { withPostgres } from '../kit/postgres.ts'
import { until } from '../kit/until.ts'

/** A round is all of it once; before the first that is measured come enough for every table and pool to have its size. */
const ROUNDS = Number(process.env['TEST_WINDOW_ROUNDS'] ?? 20)
const WARM_ROUNDS = Math.max(20, Math.round(ROUNDS / 5))
const SCRAPERS = 100
const DEAF = 3

const { appUrl } = await withPostgres({ after })
const bus = await startEmbeddedBus({
  dataDir: await ownFolder({ after }),
  host: '127.0.0.1',
  port: 0,
  maxBytes: 1 << 30,
})
after(() => bus.close())
const otlp = await startOtlp()
after(() => otlp[Symbol.asyncDispose]())

const child = fork(new URL('../kit/api-process.ts', import.meta.url), {
  execArgv: ['--expose-gc'],
  // Its lines are read, as a shipper of logs does.
  stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  env: {
    PATH: process.env['PATH'],
    PULSE_API_PORT: '0',
    PULSE_DATA_DIR: await ownFolder({ after }),
    PULSE_DATABASE_URL: appUrl,
    PULSE_KAFKA_BROKERS: `127.0.0.1:${bus.port}`,
    PULSE_OTLP_ENDPOINT: otlp.url,
    // More than a stranger can ask for in a round: what is kept of traces reaches its bound in the warm rounds.
    PULSE_TRACES_PER_SECOND: '100',
  },
})
let lines = ''
child.stdout?.setEncoding('utf8').on('data', (text: string) => void (lines = `${lines}${text}`.slice(-200_000)))
after(async () => {
  child.kill('SIGTERM')
  if (child.exitCode === null) await once(child, 'exit')
})
const [{ port }] = (await once(child, 'message')) as [{ port: number }]

async function held(): Promise<Held> {
  child.send('held')
  const [now] = (await once(child, 'message')) as [Held]
  return now
}

interface Reply {
  readonly status: number
  readonly head: string
  readonly body: string
}

/** One request on a connection of its own, written as it is: no client of ours mends what is bad in it. */
async function send(head: string, headers: Readonly<Record<string, string>> = {}, body = ''): Promise<Reply> {
  const socket = connect(port, '127.0.0.1')
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => void chunks.push(chunk)).on('error', () => undefined)
  const length = body === '' ? {} : { 'content-length': String(Buffer.byteLength(body)) }
  const fields = Object.entries({ host: 'x', connection: 'close', ...length, ...headers })
  socket.write(`${head} HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`, 'latin1')
  socket.write(body)
  await once(socket, 'close')
  const text = Buffer.concat(chunks).toString()
  const [first = '', ...rest] = text.split('\r\n\r\n')
  return { status: Number(first.slice(9, 12)), head: first, body: rest.join('\r\n\r\n') }
}
const json = { 'content-type': 'application/json' }

/** A scraper that asks and never reads. */
async function deaf(): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  socket.pause()
  socket.write('GET /metrics/ HTTP/1.1\r\nhost: x\r\n\r\n')
  return socket
}

async function badTraceparents({ tenantId, dataset }: Place): Promise<void> {
  const event = JSON.stringify({ dataset, data: { timestamp: '2026-11-25T08:00:00Z' } })
  await Promise.all(
    TRACEPARENTS.flatMap((traceparent) => {
      const headers = { ...json, 'x-tenant-id': tenantId, traceparent, tracestate: `a=${'b'.repeat(600)}` }
      return [send('POST /v1/collect', headers, event), send('GET /v1/tenants', { traceparent })].map(async (asked) => {
        const { status, head } = await asked
        assert.ok(status === 202 || status === 200, `${status} for traceparent ${traceparent.slice(0, 80)}`)
        const own = /traceparent: 00-([0-9a-f]{32})-[0-9a-f]{16}-0[01]/.exec(head)?.[1]
        assert.ok(own !== undefined && !traceparent.includes(own), 'a stranger names no trace of ours')
      })
    }),
  )
  const huge = await send('POST /v1/collect', { 'x-tenant-id': tenantId, traceparent: '0'.repeat(20_000) }, event)
  assert.equal(huge.status, 400)
}

async function badNames({ tenantId }: Place): Promise<void> {
  await Promise.all(
    NAMES.flatMap((name) => {
      const own = { ...json, 'x-tenant-id': tenantId }
      const inPath = encodeURIComponent(name.toWellFormed())
      const event = JSON.stringify({ dataset: name, data: { timestamp: '2026-11-25T08:00:00Z' } })
      return [
        send('POST /v1/tenants', json, JSON.stringify({ slug: name, name: 'x' })),
        send('POST /v1/datasets', own, JSON.stringify({ slug: name, name: 'x', schema_uri: 'https://test.example/x' })),
        send('POST /v1/collect', own, event),
        send(`GET /v1/datasets/${inPath}/preview`, own),
        send(`GET /v1/${inPath}`, own),
        send('GET /v1/datasets', { 'x-tenant-id': inPath.slice(0, 8_000) }),
      ].map(async (asked) => {
        const { status, body } = await asked
        assert.ok(status >= 400 && status < 500, `${status} for ${JSON.stringify(name.slice(0, 40))}: ${body}`)
      })
    }),
  )
}

async function scrapes(): Promise<void> {
  const asked = [...ACCEPTS, ...Array.from({ length: SCRAPERS }, (_, at) => ACCEPTS[at % ACCEPTS.length])]
  const replies = await Promise.all(
    asked.map((accept) => send('GET /metrics/', accept === undefined ? {} : { accept })),
  )
  for (const { status, head } of replies) {
    assert.equal(status, 200)
    assert.match(head, /content-type: (text\/plain; version=0\.0\.4|application\/openmetrics-text; version=1\.0\.0)/i)
  }
}

async function round(place: Place): Promise<void> {
  const silent = await Promise.all(Array.from({ length: DEAF }, deaf))
  await badTraceparents(place)
  await badNames(place)
  await scrapes()
  for (const socket of silent) socket.destroy()
}

/** So many at once that the pool of connections to Postgres is full: how far load has filled it is no leak. */
const AT_ONCE = 15

/** Once nothing is under way any more. */
async function settled(): Promise<Held> {
  await Promise.all(Array.from({ length: AT_ONCE }, () => call(`http://127.0.0.1:${port}`, 'GET', '/v1/tenants')))
  let last = await held()
  return until(
    'connections are gone',
    async () => {
      const now = await held()
      const isSame = now.files === last.files
      last = now
      return isSame && now
    },
    20_000,
    300,
  )
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

test(
  `${ROUNDS} rounds of all that is bad at the window leave memory within a tenth and no file open`,
  { timeout: 60_000 + ROUNDS * 2_000 },
  async (t) => {
    const place = await makePlace(`http://127.0.0.1:${port}`, { type: 'object', properties: {} })
    for (let at = 0; at < WARM_ROUNDS; at += 1) await round(place)
    const before = await settled()
    for (let at = 0; at < ROUNDS; at += 1) await round(place)
    const now = await settled()
    for (const [when, one] of Object.entries({ before, after: now })) {
      const { heapBytes, outsideBytes, residentBytes, files } = one
      t.diagnostic(
        `${when}: heap ${megabytes(heapBytes)}, outside ${megabytes(outsideBytes)}, resident ${megabytes(residentBytes)}, ${files} files`,
      )
    }
    assert.equal(now.files, before.files)
    const used = ({ heapBytes, outsideBytes }: Held): number => heapBytes + outsideBytes
    assert.ok(used(now) <= 1.1 * used(before), `${megabytes(used(before))} became ${megabytes(used(now))}`)
    assert.ok(now.residentBytes <= 1.1 * before.residentBytes, 'resident memory')
  },
)

test('after all that, every label is a slug or one of ours, and both formats are read by the strictest reader', async () => {
  const slug = /^([a-z][a-z0-9_-]{0,62}|_other|_unknown)$/
  const formats = { text: 'text/plain', openmetrics: 'application/openmetrics-text;version=1.0.0' } as const
  for (const [format, accept] of Object.entries(formats)) {
    const { body } = await send('GET /metrics/', { accept })
    const text = body.replace(/^[0-9a-f]+\r\n|\r\n[0-9a-f]*\r\n/g, '')
    const families = readExposition(text, format as keyof typeof formats)
    const labels = [...families.values()].flatMap(({ samples }) => samples.map((one) => one.labels))
    for (const { tenant = 'ours', dataset = 'ours', route = '/' } of labels) {
      assert.match(tenant, slug)
      assert.match(dataset, slug)
      assert.match(route, /^(\/[\w.:/-]*|_unmatched)$/)
    }
    assert.ok(
      labels.some(({ dataset }) => dataset === '_unknown'),
      'events for no dataset are counted as such',
    )
    assert.ok(labels.length < 3_000, `${labels.length} series`)
  }
  assert.ok(lines.length > 1_000)
  for (const line of lines.split('\n').slice(1, -1))
    assert.equal(typeof (JSON.parse(line) as { event: unknown }).event, 'string')
})
