import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { call, makePlace, type Place } from '../kit/api.ts'
import { EVERY_TYPE, everyTypeAt } from '../kit/every-type.ts'
import { withPostgres, type TestPostgres } from '../kit/postgres.ts'
import { bootPulse, type System } from '../kit/system.ts'
import { until } from '../kit/until.ts'
import { foreignPython } from './python.ts'

/**
 * What was sent over HTTP, as engines that share no code with the writer read it from the lake: value by
 * value, every type, every event. Needs Python 3.11; the readers are installed once, into `.cache/`.
 */
const run = promisify(execFile)
const here = import.meta.dirname
const EVENTS = 400

let python: string
let page: string
let system: System
let postgres: TestPostgres
let place: Place
let read: Record<'pyiceberg' | 'duckdb', Record<string, unknown>[]>
const closing: (() => unknown)[] = []

before(
  async () => {
    python = await foreignPython()
    page = await readFile(join(here, '../../docs/operate/reading.md'), 'utf8')
    postgres = await withPostgres({ after: (close: () => unknown) => void closing.unshift(close) })
    await postgres.sql('admin').query(blockOf("The reader's password", 'sql'))
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

/** The first block of code under a heading of docs/operate/reading.md. */
function blockOf(heading: string, language: string): string {
  const section = page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
  const block = new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``).exec(section)?.[1]
  assert.ok(block !== undefined, `the page has no ${language} under ${heading}`)
  return block
}

/** The page's example with this run's places in place of those that a reader is told to replace. */
async function exampleOf(heading: string, language: string): Promise<string> {
  const { hostname, port, pathname } = new URL(postgres.adminUrl)
  const [namespace = ''] = String((await dataset())['table']).split('.')
  const places: [string, string][] = [
    ['localhost:5432/pulse', `${hostname}:${port}${pathname}`],
    ['host=localhost port=5432 dbname=pulse', `host=${hostname} port=${port} dbname=${pathname.slice(1)}`],
    ['pulse_0190a5b1c2d37e4f8a9b0c1d2e3f4a5b', namespace],
    ['earthquakes', place.dataset],
  ]
  return places.reduce((text, [told, here]) => text.replaceAll(told, here), blockOf(heading, language))
}

async function python3(args: readonly string[], input: string): Promise<string> {
  const running = run(python, args, { timeout: 120_000, maxBuffer: 1 << 28, encoding: 'utf8' })
  running.child.stdin?.end(input)
  return String((await running).stdout)
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
  const uri = `pulse_reader:choose-one@${url.host}${url.pathname}`
  const [namespace = '', name = ''] = String((await dataset())['table']).split('.')
  return JSON.parse(await python3([join(here, 'read.py'), uri, namespace, name], '')) as typeof read
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

test('the page about reading the lake: its PyIceberg example runs as it stands', async () => {
  const said = await python3(['-W', 'ignore', '-'], await exampleOf('PyIceberg', 'python'))
  const since = Date.parse('2018-02-06T00:00:00Z') * 1_000
  const expected = read.pyiceberg.filter((row) => Number(row['timestamp']) >= since).length
  assert.match(said, new RegExp(`^${expected} rows since the 6th`))
})

test('the page about reading the lake: its DuckDB example runs as it stands', async () => {
  const days = JSON.parse(await python3([join(here, 'run-page.py')], await exampleOf('DuckDB', 'sql'))) as [
    string,
    number,
  ][]
  assert.ok(days.length > 1)
  assert.equal(
    days.reduce((sum, [, count]) => sum + count, 0),
    EVENTS,
  )
})
