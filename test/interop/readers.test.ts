import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { call, makePlace, type Place } from '../kit/api.ts'
import { EVERY_TYPE, everyTypeAt } from '../kit/every-type.ts'
import { withPostgres, type TestPostgres } from '../kit/postgres.ts'
import { bootPulse, type System } from '../kit/system.ts'
import { until } from '../kit/until.ts'

/**
 * What was sent over HTTP, as engines that share no code with the writer read it from the lake: value by
 * value, every type, every event. Needs Python 3.11; the readers are installed once, into `.cache/`.
 */
const run = promisify(execFile)
const root = resolve(import.meta.dirname, '../..')
const venv = join(root, '.cache/interop')
const EVENTS = 400
const PASSWORD = 'reader'

let system: System
let postgres: TestPostgres
let place: Place
let read: Record<'pyiceberg' | 'duckdb', Record<string, unknown>[]>
const closing: (() => unknown)[] = []

before(
  async () => {
    await installReaders()
    postgres = await withPostgres({ after: (close: () => unknown) => void closing.unshift(close) })
    await postgres.sql('admin').query(`ALTER ROLE pulse_reader LOGIN PASSWORD '${PASSWORD}'`)
    system = await bootPulse({
      PULSE_DATABASE_URL: postgres.appUrl,
      PULSE_ADMIN_DATABASE_URL: postgres.adminUrl,
      PULSE_FLUSH_SECONDS: '0.5',
    })
    closing.unshift(() => system[Symbol.asyncDispose]())
    place = await makePlace(system.baseUrl, EVERY_TYPE)
    for (let from = 0; from < EVENTS; from += 100) await send(from, 100)
    read = await readTable()
  },
  { timeout: 420_000 },
)

after(
  async () => {
    for (const close of closing) await close()
  },
  { timeout: 60_000 },
)

async function installReaders(): Promise<void> {
  const done = join(venv, 'installed-0.12.0-1.5.5')
  if (existsSync(done)) return
  await run('python3', ['-m', 'venv', venv], { timeout: 60_000 })
  await run(join(venv, 'bin/pip'), ['install', '-q', '-r', join(import.meta.dirname, 'requirements.txt')], {
    timeout: 300_000,
  })
  await run('touch', [done])
}

async function send(from: number, count: number): Promise<void> {
  const lines = Array.from({ length: count }, (_, at) =>
    JSON.stringify({ dataset: place.dataset, data: everyTypeAt(from + at) }),
  )
  const response = await fetch(`${system.baseUrl}/v1/collect`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson', 'x-tenant-id': place.tenantId },
    body: lines.join('\n'),
  })
  assert.equal(response.status, 202, await response.text())
  await until(`${from + count} rows`, async () => (await dataset())['rows'] === from + count, 60_000)
}

async function dataset(): Promise<Record<string, unknown>> {
  return (await call(system.baseUrl, 'GET', `/v1/datasets/${place.dataset}`, { tenantId: place.tenantId })).body
}

async function readTable(): Promise<typeof read> {
  const url = new URL(postgres.adminUrl)
  const uri = `pulse_reader:${PASSWORD}@${url.host}${url.pathname}`
  const [namespace = '', name = ''] = String((await dataset())['table']).split('.')
  const { stdout } = await run(join(venv, 'bin/python'), [join(import.meta.dirname, 'read.py'), uri, namespace, name], {
    timeout: 120_000,
    maxBuffer: 1 << 28,
  })
  return JSON.parse(stdout) as typeof read
}

/** An instant as microseconds since 1970, digits beyond the millisecond kept. */
function micros(text: string): number {
  const digits = /\.(\d+)/.exec(text)?.[1] ?? ''
  return Date.parse(text.replace(/\.\d+/, '')) * 1_000 + Number(digits.padEnd(6, '0').slice(0, 6))
}

/** What an event has to look like as a row, said from the event alone. */
function rowOf(n: number): Record<string, unknown> {
  const sent = everyTypeAt(n) as Record<string, never>
  const { surplus, ...named } = sent
  const row: Record<string, unknown> = Object.fromEntries(
    Object.keys(EVERY_TYPE.properties).map((name) => [name, null]),
  )
  Object.assign(row, named, { _extra: surplus === undefined ? null : JSON.stringify({ surplus }) })
  for (const name of ['timestamp', 'at']) if (row[name] !== null) row[name] = micros(String(row[name]))
  if (row['clock'] !== null) row['clock'] = micros(`1970-01-01T${String(row['clock'])}Z`)
  if (row['free'] !== null) row['free'] = JSON.stringify(row['free'])
  if (row['scores'] !== null)
    row['scores'] = Object.entries(row['scores'] as object).sort(([a], [b]) => (a < b ? -1 : 1))
  if (row['place'] !== null)
    row['place'] = { ...(row['place'] as object), seen: (row['place'] as { seen: string[] }).seen.map(micros) }
  return row
}

for (const engine of ['pyiceberg', 'duckdb'] as const) {
  test(`${engine} reads every event that was sent, value by value`, () => {
    const rows = new Map(read[engine].map((row) => [row['n'], row]))
    assert.deepEqual([read[engine].length, rows.size], [EVENTS, EVENTS])
    for (let n = 0; n < EVENTS; n += 1) {
      const { _event_id: id, _received_at: receivedAt, _source: source, ...row } = rows.get(n) ?? {}
      assert.deepEqual(row, rowOf(n), `event ${n}`)
      assert.match(String(id), /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/)
      assert.match(String(source), /^pulse\.[0-9a-f-]{36}\.events\.raw\/0\/\d+$/)
      assert.ok(Math.abs(Number(receivedAt) / 1_000 - Date.now()) < 3_600_000)
    }
  })
}

test('both readers see one id and one source for each row', () => {
  for (const rows of Object.values(read)) {
    assert.equal(new Set(rows.map((row) => row['_event_id'])).size, EVENTS)
    assert.equal(new Set(rows.map((row) => row['_source'])).size, EVENTS)
  }
})
