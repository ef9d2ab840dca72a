import { openMetrics, type Telemetry } from '../../src/telemetry/index.ts'
import { startApi, type ApiSettings, type RunningApi } from '../../src/api/index.ts'
import type { Bus } from '../../src/bus/index.ts'
import { openObjectStore, type ObjectStore } from '../../src/lake/index.ts'
import { openStore, type Store } from '../../src/store/index.ts'
import { holdToContract } from './contract.ts'
import { openMemoryBus, type MemoryBus } from './memory-bus.ts'
import { withPostgres, type Owner, type TestPostgres } from './postgres.ts'
import { ownFolder } from './folder.ts'

interface TestApi {
  readonly url: string
  readonly port: number
  readonly bus: MemoryBus
  readonly postgres: TestPostgres
  readonly store: Store
  readonly objects: ObjectStore
  readonly running: RunningApi
  /** A request as a client makes it; the body is JSON unless it is text or bytes already. */
  ask(method: string, path: string, options?: AskOptions): Promise<Answer>
}
export interface AskOptions {
  readonly tenant?: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // oxlint-disable-next-line typescript/no-explicit-any -- answers are whatever JSON they are
  readonly body: Record<string, any>
}

const TEST_SETTINGS: ApiSettings = {
  host: '127.0.0.1',
  auth: 'open',
  apiPort: 0,
  topicPartitions: 1,
  deadLetterDays: 30,
  readerGraceSeconds: 300,
  warehouse: '',
  drainSeconds: 5,
  collectMaxBodyBytes: 16 * 1024 * 1024,
  collectMaxEventBytes: 1024 * 1024,
  collectMaxEvents: 10_000,
  collectMaxDepth: 64,
  collectMaxPendingBytes: 128 * 1024 * 1024,
  collectBodyTimeoutMs: 30_000,
  batchMaxBytes: 5 * 1024 ** 3,
  batchDir: undefined,
  telemetry: 'on',
  tracesPerSecond: 20,
  trustedTraces: ['pulse-canary'],
}

/** The API over a real Postgres, a lake in a temporary folder and a bus in memory; all of it goes with `owner`. */
export async function withApi(
  owner: Owner,
  options: {
    readonly settings?: Partial<ApiSettings>
    readonly store?: (store: Store) => Store
    readonly objects?: (objects: ObjectStore) => ObjectStore
    readonly bus?: Bus
    readonly quietMs?: number
  } = {},
): Promise<TestApi> {
  const postgres = await withPostgres(owner)
  const opened = await openStore({ url: postgres.appUrl, poolSize: 8, applicationName: 'test-api', timeoutMs: 5_000 })
  owner.after(async () => opened[Symbol.asyncDispose]())
  const folder = await ownFolder(owner)
  const warehouse = `file://${folder}`
  const bus = openMemoryBus()
  const store = options.store?.(opened) ?? opened
  const local = openObjectStore({ warehouse })
  const objects = options.objects?.(local) ?? local
  const metrics: Telemetry['metrics'] = openMetrics({ plane: 'api', processMetrics: false })
  const running = await startApi({
    settings: { ...TEST_SETTINGS, warehouse, ...options.settings },
    store,
    bus: options.bus ?? bus,
    objects,
    metrics,
    quietMs: options.quietMs ?? 0,
  })
  owner.after(() => running.close())
  const url = `http://127.0.0.1:${running.port}`
  return { url, port: running.port, bus, postgres, store, objects, running, ask: askerOf(url) }
}

/** `ofPulse`: false for a server of which parts are made up, whose answers no document describes. */
export const askerOf =
  (url: string, ofPulse = true): TestApi['ask'] =>
  async (method, path, { tenant, body, headers } = {}) => {
    const raw = body === undefined || typeof body === 'string' || body instanceof Uint8Array
    const response = await fetch(`${url}${path}`, {
      method,
      redirect: 'manual',
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(tenant === undefined ? {} : { 'x-tenant-id': tenant }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: raw ? (body as string) : JSON.stringify(body) }),
      signal: AbortSignal.timeout(20_000),
    })
    const text = await response.text()
    const contentType = response.headers.get('content-type')
    if (ofPulse)
      await holdToContract({ method, path, status: response.status, contentType, text, headers: response.headers })
    const isJson = /[/+]json/.test(contentType ?? '')
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: isJson && text !== '' ? JSON.parse(text) : {},
    }
  }

const CLASS = 'https://ns.azothedge.com/pdm/class/interaction-event'
let count = 0

/** A tenant with a published schema and a dataset, over HTTP. */
export async function makeJourney(
  api: Pick<TestApi, 'ask'>,
  definition: unknown = { type: 'object', properties: { user: { type: 'string' }, n: { type: 'integer' } } },
): Promise<{ tenant: string; slug: string; schema: Record<string, unknown>; dataset: Record<string, unknown> }> {
  const slug = `t-${process.pid}-${++count}`
  const tenant = await expecting(201, api.ask('POST', '/v1/tenants', { body: { slug, name: slug } }))
  const id = String(tenant['id'])
  const schema = await expecting(
    201,
    api.ask('POST', '/v1/schemas', {
      tenant: id,
      body: {
        uri: `https://test.example/${slug}/${count}`,
        title: 'Events',
        class_uri: CLASS,
        field_group_uris: [],
        definition,
      },
    }),
  )
  await expecting(
    200,
    api.ask('PATCH', `/v1/schemas/${String(schema['id'])}`, { tenant: id, body: { status: 'published' } }),
  )
  const dataset = await expecting(
    201,
    api.ask('POST', '/v1/datasets', {
      tenant: id,
      body: { slug: 'events', name: 'Events', schema_uri: schema['uri'] },
    }),
  )
  return { tenant: id, slug, schema, dataset }
}

async function expecting(status: number, answer: Promise<Answer>): Promise<Record<string, unknown>> {
  const { status: got, text, body } = await answer
  if (got !== status) throw new Error(`expected ${status}, got ${got}: ${text}`)
  return body
}
