import { setTimeout as pause } from 'node:timers/promises'
import { Unanswered } from '../client/index.ts'
import type { ObjectStore } from '../lake/index.ts'
import { systemClock } from '../event/index.ts'
import { askTheFiles } from './demo-answer.ts'
import { expecting, openClient, Refused, type Client } from './demo-client.ts'
import { DEFINITION, eventOf, readEarthquakes, SCHEMA_URI } from './demo-earthquakes.ts'
import { table, took } from './demo-screen.ts'

export interface DemoOptions {
  /** Where the API answers: `http://127.0.0.1:8000`. */
  readonly apiUrl: string
  /** Where the worker's metrics are, to see repeats being dropped. */
  readonly metricsUrl: string
  readonly objects: ObjectStore
  readonly write: (text: string) => void
  /** The operator's, where the API asks for keys. */
  readonly key?: string | undefined
}

const TENANT = 'earthquakes-demo'
const DATASET = 'earthquakes'
const BATCH = 500
const PATIENCE_MS = 90_000

interface Dataset {
  readonly rows: number
  readonly files: number
  readonly bytes: number
  readonly snapshot_id: string | null
  readonly location: string
}
interface Preview {
  readonly total_rows: number
  readonly rows: readonly {
    timestamp: string
    properties: { mag: number; place: string }
    geometry: { coordinates: number[] }
  }[]
}

/**
 * Carries 1,707 real earthquakes through the public API and shows what came out. Run again it sends
 * the same events and adds no row. Answers the exit code: 0, or 1 after one sentence that says what to do.
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  try {
    await tell(options)
    return 0
  } catch (error) {
    if (error instanceof Unanswered) {
      options.write(
        `Nothing answers at ${options.apiUrl}. Start Pulse in another terminal with \`npm start\`, then run \`npm run demo\` again.\n`,
      )
    } else if (error instanceof Refused) {
      options.write(`The API refused a step of the demo: ${error.message}\n`)
    } else {
      options.write(`The demo could not go on: ${error instanceof Error ? error.message : String(error)}\n`)
    }
    return 1
  }
}

async function tell({ apiUrl, metricsUrl, objects, write, key }: DemoOptions): Promise<void> {
  const began = performance.now()
  const step = async <T>(what: string, act: () => Promise<T>, outcome?: (result: T) => string): Promise<T> => {
    const from = performance.now()
    const result = await act()
    write(
      `  ${what.padEnd(46)} ${took(performance.now() - from).padStart(7)}  ${outcome?.(result) ?? ''}`.trimEnd() + '\n',
    )
    return result
  }

  await openClient(apiUrl).get('/health')
  const quakes = await readEarthquakes()
  const events = quakes.map((quake) => eventOf(quake, DATASET))
  write(`\n${events.length.toLocaleString('en')} earthquakes of one week (USGS, GeoJSON), through ${apiUrl}\n\n`)

  const tenantId = await step(
    'a tenant',
    () => ensureTenant(openClient(apiUrl, undefined, key)),
    (id) => `${TENANT} ${id}`,
  )
  const client = openClient(
    apiUrl,
    tenantId,
    key === undefined ? undefined : await keyFor(openClient(apiUrl, tenantId, key)),
  )
  await step(
    'a schema, published',
    () => ensureSchema(client),
    (done) => `${SCHEMA_URI} (${done})`,
  )
  const before = await step(
    'a dataset',
    () => ensureDataset(client),
    (at) => (at.rows === 0 ? 'empty' : `${at.rows.toLocaleString('en')} rows already`),
  )
  const droppedBefore = before.rows > 0 ? await droppedDuplicates(metricsUrl) : undefined

  const sentAt = performance.now()
  await step(
    'accepted and acknowledged by the bus',
    () => collect(client, events),
    (count) => `${count.toLocaleString('en')} events`,
  )
  if (before.rows < events.length) {
    await step(
      'validated, deduplicated, committed to Iceberg',
      () => untilRows(client, events.length),
      (at) => `${at.rows.toLocaleString('en')} rows in ${at.files} files`,
    )
    write(`  ${'from the first send to queryable'.padEnd(46)} ${took(performance.now() - sentAt).padStart(7)}\n`)
  } else {
    await step('all of them known to the ledger, dropped', () => untilDropped(metricsUrl, droppedBefore, events.length))
  }
  const facts = await dataset(client)
  const preview = await step('read back through the API', () => newest(client))
  write(`\nThe newest, by GET /v1/datasets/${DATASET}/preview\n${previewTable(preview)}\n\n`)

  if (facts.snapshot_id !== null) await showTheFiles(objects, facts.location, facts.snapshot_id, write)
  const added = facts.rows - before.rows
  write(
    added === 0
      ? `\nNo row was added: all ${facts.rows.toLocaleString('en')} events were rows already, and an event id is one row, however often it is sent.\n`
      : `\n${added.toLocaleString('en')} rows were added. Run it again: the same events are sent, and no row is added.\n`,
  )
  write(`Done in ${took(performance.now() - began)}.\n`)
}

async function ensureTenant(client: Client): Promise<string> {
  const made = await client.post<{ id: string }>('/v1/tenants', { slug: TENANT, name: 'Earthquakes (demo)' })
  if (made.status !== 409) return expecting(made, 201).id
  const found = expecting(await client.get<{ items: { id: string }[] }>(`/v1/tenants?slug=${TENANT}`), 200)
  return firstOf(found.items, `the tenant ${TENANT}`).id
}

/** A key of the tenant's for an hour: the operator's own sends no events. */
async function keyFor(operator: Client): Promise<string> {
  const expires = new Date(systemClock.now() + 3_600_000).toISOString()
  const wanted = { name: 'demo', scopes: ['collect', 'read', 'manage'], expires_at: expires }
  return expecting(await operator.post<{ key: string }>('/v1/keys', wanted), 201).key
}

async function ensureSchema(client: Client): Promise<string> {
  const body = {
    uri: SCHEMA_URI,
    title: 'Earthquake (USGS GeoJSON)',
    definition: DEFINITION,
    class_uri: 'https://ns.azothedge.com/pdm/class/interaction-event',
    field_group_uris: [],
  }
  interface Schema {
    id: string
    status: string
  }
  const made = await client.post<Schema>('/v1/schemas', body)
  const schema =
    made.status === 409
      ? firstOf(
          expecting(await client.get<{ items: Schema[] }>(`/v1/schemas?uri=${encodeURIComponent(SCHEMA_URI)}`), 200)
            .items,
          `the schema ${SCHEMA_URI}`,
        )
      : expecting(made, 201)
  if (schema.status !== 'draft') return 'was there'
  expecting(await client.patch(`/v1/schemas/${schema.id}`, { status: 'published' }), 200)
  return 'new'
}

async function ensureDataset(client: Client): Promise<Dataset> {
  const made = await client.post('/v1/datasets', { slug: DATASET, name: 'Earthquakes', schema_uri: SCHEMA_URI })
  expecting(made, 201, 409)
  return dataset(client)
}

async function dataset(client: Client): Promise<Dataset> {
  return expecting(await client.get<Dataset>(`/v1/datasets/${DATASET}`), 200)
}

async function collect(client: Client, events: readonly unknown[]): Promise<number> {
  let accepted = 0
  for (let from = 0; from < events.length; from += BATCH) {
    const lines = events.slice(from, from + BATCH).map((event) => JSON.stringify(event))
    const answer = await client.send<{ accepted: number }>(
      '/v1/collect',
      'application/x-ndjson',
      `${lines.join('\n')}\n`,
    )
    accepted += expecting(answer, 202).accepted
  }
  if (accepted !== events.length) throw new Error(`only ${accepted} of ${events.length} events were accepted`)
  return accepted
}

async function untilRows(client: Client, rows: number): Promise<Dataset> {
  return until(async () => {
    const at = await dataset(client)
    return at.rows >= rows ? at : undefined
  }, `the dataset did not reach ${rows} rows; is a worker running?`)
}

/** Repeats make no snapshot, so the worker's own counter says when they were dropped. */
async function untilDropped(metricsUrl: string, before: number | undefined, events: number): Promise<void> {
  if (before === undefined) return
  await until(async () => {
    const now = await droppedDuplicates(metricsUrl)
    return now === undefined || now >= before + events ? true : undefined
  }, 'the worker did not report the repeats as dropped')
}

/** `pulse_worker_duplicates_dropped_total` of the demo's tenant; undefined where no worker's metrics are within reach. */
async function droppedDuplicates(metricsUrl: string): Promise<number | undefined> {
  const response = await fetch(metricsUrl, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined)
  const series = (await response?.text())?.match(
    new RegExp(`^pulse_worker_duplicates_dropped_total\\{tenant="${TENANT}"\\} (\\d+)$`, 'm'),
  )
  return response === undefined ? undefined : Number(series?.[1] ?? 0)
}

async function until<T>(look: () => Promise<T | undefined>, otherwise: string): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (performance.now() > deadline) throw new Error(`after ${PATIENCE_MS / 1000} s ${otherwise}`)
    await pause(100)
  }
}

async function newest(client: Client): Promise<Preview> {
  const path = `/v1/datasets/${DATASET}/preview?limit=5&columns=timestamp,properties,geometry`
  return expecting(await client.get<Preview>(path), 200)
}

function previewTable({ rows }: Preview): string {
  const shown = rows.map(({ timestamp, properties, geometry }) => [
    timestamp,
    properties.mag,
    properties.place,
    geometry.coordinates.slice(0, 2).join(', '),
  ])
  return table(['timestamp', 'mag', 'place', 'longitude, latitude'], shown)
}

async function showTheFiles(
  objects: ObjectStore,
  location: string,
  snapshotId: string,
  write: (text: string) => void,
): Promise<void> {
  const from = performance.now()
  const { files, days } = await askTheFiles(objects, location, snapshotId)
  const rows = days.map((day) => [day.day, day.quakes, day.strongest, day.place, day.medianKm.toFixed(1)])
  write(`What DuckDB says, straight from ${files} Parquet files (${took(performance.now() - from)}):\n`)
  write(`${table(['day', 'quakes', 'strongest', 'where', 'median depth km'], rows)}\n\n  ${location}\n`)
}

function firstOf<T>(items: readonly T[], what: string): T {
  const [first] = items
  if (first === undefined) throw new Error(`${what} exists but belongs to somebody else`)
  return first
}
