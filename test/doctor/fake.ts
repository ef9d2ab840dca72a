import type { IncomingMessage, ServerResponse } from 'node:http'
import { examine } from '../../src/doctor/examine.ts'
import type { PostgresFacts } from '../../src/doctor/facts.ts'
import type { Machine } from '../../src/doctor/machine.ts'
import type { Places } from '../../src/doctor/places.ts'
import type { Report } from '../../src/doctor/report.ts'
import { freePort } from '../../src/store/index.ts'
import { openFakeApi, TENANT, type FakeApi } from '../canary/fake-api.ts'
import { listening } from '../kit/listening.ts'
import type { Owner } from '../kit/postgres.ts'

type Answer = readonly [status: number, body: unknown, headers?: Readonly<Record<string, string>>]

/** A Pulse in memory, well at first, of which each part can be told to fail. */
export interface FakePulse {
  readonly api: FakeApi
  places: Places
  machine: Machine
  /** `silent` never answers, `breaks` cuts the connection. */
  health: Answer | 'silent'
  checks: { postgres: boolean; kafka: boolean; minio: boolean }
  readyStatus: number
  collect: Answer | 'breaks' | undefined
  /** Answers previews instead of the lake, while set. */
  preview: Answer | undefined
  worker: { health: string | 'silent'; partitions: unknown; readAtOnce: boolean; error: string | undefined }
  isTraced: boolean
  appendErrors: number
  postgres: PostgresFacts | undefined
  deadLetter: string | undefined
  run(timeoutMs?: number): Promise<Report>
}

export const WELL: PostgresFacts = { missingMigrations: [], liveWorkers: 1, owned: 1, partitions: 1 }
const TOPIC = `pulse.${TENANT}.events.raw`

/** A partition where everything is committed. */
export const partition = (more: object = {}): object => ({
  topic: TOPIC,
  partition: 0,
  position: 7,
  committed: 7,
  high_watermark: 7,
  parked: [],
  lost: false,
  ...more,
})

export async function openFakePulse(owner: Owner): Promise<FakePulse> {
  const api = await openFakeApi(owner)
  const fake: FakePulse = {
    api,
    places: undefined as unknown as Places,
    machine: {
      now: () => Date.now(),
      freeBytes: async () => 1 << 30,
      unwritable: async () => undefined,
      unreachable: async () => undefined,
    },
    health: [200, { status: 'ok' }],
    checks: { postgres: true, kafka: true, minio: true },
    readyStatus: 200,
    collect: undefined,
    preview: undefined,
    worker: { health: 'healthy', partitions: [partition()], readAtOnce: true, error: undefined },
    isTraced: true,
    appendErrors: 0,
    postgres: WELL,
    deadLetter: undefined,
    run: (timeoutMs = 150) =>
      examine({
        places: fake.places,
        machine: fake.machine,
        postgres: {
          look: async () => fake.postgres,
          deadLetter: async () => fake.deadLetter,
          [Symbol.asyncDispose]: async () => {},
        },
        timeoutMs,
        settleMs: 0,
      }),
  }
  let trace = ''
  let sentAtMs = 0
  const front = await listening(owner, async (request, response) => {
    const path = new URL(request.url ?? '/', 'http://api').pathname
    if (path === '/health') return fake.health === 'silent' ? undefined : reply(response, fake.health)
    if (path === '/ready') return reply(response, [fake.readyStatus, { status: 'ready', checks: fake.checks }])
    if (path.endsWith('/preview') && fake.preview !== undefined) return reply(response, fake.preview)
    const body = await bodyOf(request)
    if (path !== '/v1/collect') return reply(response, await passOn(request, body, api.url))
    trace = String(request.headers['traceparent']).split('-')[1] ?? ''
    sentAtMs = Date.now()
    if (fake.collect === 'breaks') return void request.socket.destroy()
    const answer = fake.collect ?? (await passOn(request, body, api.url))
    if (fake.worker.readAtOnce) {
      const now = partition({ position: 8, committed: 7, high_watermark: 8 })
      if (Array.isArray(fake.worker.partitions) && fake.worker.partitions.length > 0) fake.worker.partitions = [now]
      if (fake.appendErrors < 0) fake.appendErrors = 3
    }
    const headers = fake.isTraced ? { 'server-timing': 'validate;dur=1.500, publish;dur=2.500' } : undefined
    return reply(response, [answer[0], answer[1], { traceparent: `00-${trace}-00f067aa0ba902b7-01`, ...headers }])
  })
  const health = await listening(owner, (request, response) => {
    const [, page, rest = ''] = (request.url ?? '').split('/')
    const { worker } = fake
    if (worker.health === 'silent') return
    if (page === 'metrics')
      return reply(response, [
        200,
        `pulse_worker_iceberg_append_errors_total{tenant="pulse-canary",dataset="canary"} ${Math.max(0, fake.appendErrors)}\n`,
      ])
    if (page === 'healthz') return reply(response, [worker.health === 'healthy' ? 200 : 503, worker.health])
    if (page === 'partitions') return reply(response, [200, worker.partitions])
    const isKept = fake.isTraced && (api.rows.length > 0 || worker.error !== undefined)
    const spans = rest === trace && isKept ? storyOf(sentAtMs, worker.error) : rest === FLUSH ? flush(sentAtMs) : []
    return reply(response, [200, { spans }])
  })
  fake.places = {
    apiUrl: front,
    workerUrl: health,
    metricsUrl: `${health}/metrics`,
    isLocal: false,
    databaseUrl: undefined,
    warehouse: 'file:///lake',
    dataDir: '/data',
    key: undefined,
    otlpEndpoint: 'http://127.0.0.1:4317',
  }
  return fake
}

/** The address of a port where nobody listens. */
export const nowhere = async (): Promise<string> => `http://127.0.0.1:${await freePort()}`

const FLUSH = '0190000000007000800000000000f1f1'
const span = (name: string, from: number, to: number, more: object = {}): object => ({
  trace_id: 'a',
  span_id: 'b',
  name,
  start_ms: from,
  end_ms: to,
  error: null,
  attributes: {},
  links: [],
  ...more,
})
const flush = (at: number): object[] => [
  span('dedup', at + 2_010, at + 2_015),
  span('commit table', at + 2_040, at + 2_050),
  span('put object', at + 2_020, at + 2_030),
]
function storyOf(at: number, error: string | undefined): object[] {
  return [
    span('process pulse.{tenant}.events.raw', at + 1_000, at + 2_050, { error: error ?? null }),
    span('buffer', at + 1_000, at + 2_000),
    span('append', at + 2_000, at + 2_050, {
      attributes: { 'pulse.flush.id': '01900000-0000-7000-8000-00000000f1f1', 'pulse.iceberg.snapshot_id': '4711' },
      links: [{ trace_id: FLUSH, span_id: 'f' }],
    }),
  ]
}

async function passOn(request: IncomingMessage, body: string, to: string): Promise<Answer> {
  const response = await fetch(`${to}${request.url}`, {
    method: request.method ?? 'GET',
    ...(body === '' ? {} : { body }),
  })
  return [response.status, await response.json()]
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = ''
  for await (const part of request) body += String(part)
  return body
}

function reply(response: ServerResponse, [status, body, headers = {}]: Answer): void {
  response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body))
}
