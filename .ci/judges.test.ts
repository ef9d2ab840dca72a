import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { before, after, test } from 'node:test'
import { addDataset, call, makePlace, type Place } from '../test/kit/api.ts'
import { withPostgres, type TestPostgres } from '../test/kit/postgres.ts'
import { bootPulse, type System } from '../test/kit/system.ts'
import { until } from '../test/kit/until.ts'
import { EVERY_TYPE, everyTypeAt } from '../test/kit/every-type.ts'

/**
 * Foreign engines and a strict checker judge what the real system wrote: `pulse start` on a database
 * of its own, events through the public API, several flushes over several days. Run by .ci/run
 * alone, which brings the judges (`TEST_JUDGES` is their folder, with `venv` and `java/libs` in it).
 */
const judges = process.env['TEST_JUDGES']
if (judges === undefined) throw new Error('TEST_JUDGES names no folder; run .ci/run')

const READER_PASSWORD = 'judges-only'
const FLUSHES = 6
const PER_FLUSH = 150

let system: System
let postgres: TestPostgres
let place: Place
const disposing: (() => unknown)[] = []

before(
  async () => {
    postgres = await withPostgres({ after: (clean: () => unknown) => void disposing.unshift(clean) } as never)
    // As docs/operate/running.md says it: a foreign engine reads the catalog as pulse_reader.
    await postgres.sql('admin').query(`ALTER ROLE pulse_reader LOGIN PASSWORD '${READER_PASSWORD}'`)
    system = await bootPulse({
      PULSE_DATABASE_URL: postgres.appUrl,
      PULSE_ADMIN_DATABASE_URL: postgres.adminUrl,
      PULSE_FLUSH_SECONDS: '0.5',
    })
    disposing.unshift(() => system[Symbol.asyncDispose]())
    place = await makePlace(system.baseUrl, EVERY_TYPE, { tenant: 'judged', dataset: 'every-type' })
    await addDataset(system.baseUrl, place.tenantId, EVERY_TYPE, 'never-written')
    for (let flush = 0; flush < FLUSHES; flush += 1) await sendFlush('every-type', flush)
    await addDataset(system.baseUrl, place.tenantId, EVERY_TYPE, 'null-lists')
    await sendFlush('null-lists', 0)
    await addDataset(system.baseUrl, place.tenantId, EVERY_TYPE, 'evolved')
    await sendFlush('evolved', 0)
    await evolve('evolved')
    await sendFlush('evolved', 1)
  },
  { timeout: 240_000 },
)

after(
  async () => {
    for (const dispose of disposing) await dispose()
  },
  { timeout: 60_000 },
)

/** Binds a dataset to a version in which a column is renamed and one dropped, some are wider, and there is more at the top and inside. */
async function evolve(dataset: string): Promise<void> {
  const ask = async (method: string, path: string, body: object): Promise<Record<string, unknown>> => {
    const answer = await call(system.baseUrl, method, path, { tenantId: place.tenantId, body })
    assert.ok(answer.status < 300, JSON.stringify(answer.body))
    return answer.body
  }
  const publish = async (collection: string, wanted: object): Promise<void> => {
    const { id } = await ask('POST', `/v1/${collection}`, wanted)
    await ask('PATCH', `/v1/${collection}/${String(id)}`, { status: 'published' })
  }
  const { text, flag: _dropped, ...kept } = EVERY_TYPE.properties
  const properties = {
    ...kept,
    words: text,
    small: { type: 'integer' },
    single: { type: 'number' },
    price: { ...EVERY_TYPE.properties.price, precision: 30 },
    place: {
      ...EVERY_TYPE.properties.place,
      properties: { ...EVERY_TYPE.properties.place.properties, zip: { type: 'string' } },
    },
    more: { type: 'array', items: { type: 'string' } },
  }
  const { schema_uri: supersedes } = (
    await call(system.baseUrl, 'GET', `/v1/datasets/${dataset}`, { tenantId: place.tenantId })
  ).body
  const uri = `${String(supersedes)}/2`
  const definition = { ...EVERY_TYPE, properties }
  const class_uri = 'https://ns.azothedge.com/pdm/class/interaction-event'
  await publish('schemas', { uri, title: 'Evolved', class_uri, definition, supersedes })
  const rename = { kind: 'rename', pointer: '/words', definition: { from: '/text' }, schema_uri: uri }
  await publish('descriptors', { uri: `${uri}/words`, title: 'Words', ...rename })
  await ask('PATCH', `/v1/datasets/${dataset}`, { schema_uri: uri })
}

const dataOf = (dataset: string, flush: number, n: number): object =>
  dataset === 'evolved' && flush > 0 ? evolvedAt(n) : everyTypeAt(n, dataset === 'null-lists')

/** The event as the evolved version has it. */
function evolvedAt(n: number): object {
  const { text, flag: _dropped, place: at, ...kept } = everyTypeAt(n)
  const zip = at === undefined ? {} : { place: { ...(at as object), zip: String(n) } }
  return { ...kept, ...zip, small: 2 ** 40 + n, single: n / 3, words: text ?? 'none', more: ['m', String(n)] }
}

async function sendFlush(dataset: string, flush: number): Promise<void> {
  const lines = Array.from({ length: PER_FLUSH }, (_, at) =>
    JSON.stringify({ dataset, data: dataOf(dataset, flush, flush * PER_FLUSH + at) }),
  )
  const response = await fetch(`${system.baseUrl}/v1/collect`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson', 'x-tenant-id': place.tenantId },
    body: `${lines.join('\n')}\n`,
  })
  assert.equal(response.status, 202, await response.text())
  await until(
    `${(flush + 1) * PER_FLUSH} rows`,
    async () => (await facts(dataset)).rows === (flush + 1) * PER_FLUSH,
    60_000,
  )
}

async function facts(dataset: string): Promise<{ rows: number; files: number; table: string }> {
  const { body } = await call(system.baseUrl, 'GET', `/v1/datasets/${dataset}`, { tenantId: place.tenantId })
  return body as unknown as { rows: number; files: number; table: string }
}

async function ask(tool: string, before: readonly string[], dataset: string): Promise<{ code: number; said: unknown }> {
  const url = new URL(postgres.adminUrl)
  url.username = 'pulse_reader'
  url.password = READER_PASSWORD
  const namespace = (await facts(dataset)).table.split('.')[0] ?? ''
  const options = ['--catalog-uri', url.href, '--namespace', namespace, '--table', dataset]
  const { promise, resolve } = Promise.withResolvers<{ code: number; stdout: string; stderr: string }>()
  execFile(
    join(judges as string, 'venv/bin/python'),
    [join(judges as string, tool), ...before, ...options],
    { timeout: 240_000, maxBuffer: 1 << 26 },
    (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
  )
  const { code, stdout, stderr } = await promise
  try {
    return { code, said: JSON.parse(stdout) }
  } catch {
    throw new Error(`${tool} said nothing that can be read (exit ${code}): ${stderr.slice(-2_000)}`)
  }
}

interface Agreement {
  readonly agree: boolean
  readonly judges: readonly {
    readonly engine: string
    readonly rows: number
    readonly distinct_ids: number
    readonly data_files: number | null
    readonly error?: string
  }[]
  readonly differences: readonly { readonly what: string; readonly values: Readonly<Record<string, string>> }[]
}

for (const [dataset, rows] of [
  ['every-type', FLUSHES * PER_FLUSH],
  ['null-lists', PER_FLUSH],
  ['evolved', 2 * PER_FLUSH],
  ['never-written', 0],
] as const) {
  test(
    `PyIceberg, DuckDB and Iceberg's Java core read the same ${rows} rows of ${dataset}`,
    { timeout: 300_000 },
    async () => {
      const { said } = await ask('agree.py', ['--judges', 'pyiceberg,duckdb,java', '--'], dataset)
      const { agree, judges: answers, differences } = said as Agreement
      if (dataset === 'null-lists') {
        // PyIceberg's own difference and no other: the two engines that keep null lists apart agree to the bit.
        const [difference, ...more] = differences
        assert.deepEqual([difference?.what, more], ['checksum', []])
        assert.equal(difference?.values['duckdb'], difference?.values['java'])
      } else {
        assert.deepEqual(differences, [])
        assert.equal(agree, true)
      }
      assert.deepEqual(answers.map((answer) => answer.engine).sort(), ['duckdb', 'java', 'pyiceberg'])
      for (const answer of answers)
        assert.deepEqual([answer.rows, answer.distinct_ids], [rows, rows], JSON.stringify(answer))
      assert.equal((await facts(dataset)).rows, rows, 'what the API says is what foreign engines count')
    },
  )

  test(`the files of ${dataset} agree with the specification and with each other`, { timeout: 300_000 }, async () => {
    const { code, said } = await ask('structure.py', ['--strict'], dataset)
    const findings = said as { severity: string; code: string; detail: string }[]
    const checked = findings.at(-1)
    assert.equal(checked?.code, 'CHECKED')
    assert.deepEqual(
      findings.filter((finding) => finding.severity !== 'info'),
      [],
    )
    assert.equal(code, 0)
    const counted = Object.fromEntries(
      [...(checked?.detail ?? '').matchAll(/([a-z ]+?) (\d+)(?:, |$)/g)].map(([, what = '', count]) => [
        what,
        Number(count),
      ]),
    )
    assert.equal(counted['rows'], rows, checked?.detail)
    if (rows > 0)
      for (const what of ['snapshots', 'manifests', 'entries', 'data files', 'bounds'])
        assert.ok((counted[what] ?? 0) > 0, checked?.detail)
  })
}
