import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { DuckDBInstance } from '@duckdb/node-api'
import { parquetLines } from '../../src/batch/parquet.ts'
import { makeJourney, withApi, type Answer } from '../kit/api-server.ts'
import { ownFolder } from '../kit/folder.ts'
import { until } from '../kit/until.ts'

const folder = await ownFolder({ after })
const spool = await ownFolder({ after })
const api = await withApi({ after }, { settings: { batchDir: spool } })
const place = await makeJourney(api, {
  type: 'object',
  properties: {
    day: { type: 'string', format: 'date' },
    name: { type: 'string' },
    n: { type: 'integer' },
    price: { type: 'number' },
    ok: { type: 'boolean' },
    tags: { type: 'array', items: { type: 'string' } },
    kind: { type: 'integer' },
    sum: { type: 'string', format: 'decimal', precision: 20, scale: 2 },
    exact: { type: 'number' },
    order: {
      type: 'object',
      properties: {
        at: { type: 'string', format: 'date-time' },
        day: { type: 'string', format: 'date-time' },
        sum: { type: 'string', format: 'decimal', precision: 20, scale: 2 },
        more: { type: 'integer' },
      },
      additionalProperties: false,
    },
    lines: {
      type: 'array',
      items: {
        type: 'object',
        properties: { at: { type: 'string', format: 'date-time' }, n: { type: 'integer' }, blob: { type: 'string' } },
        additionalProperties: false,
      },
    },
    days: { type: 'object', additionalProperties: { type: 'string', format: 'date-time' } },
  },
  additionalProperties: false,
})
const TOPIC = `pulse.${place.tenant}.events.raw`
const sent = (): { event_id: string; data: Record<string, unknown> }[] =>
  (api.bus.records.get(TOPIC) ?? []).map(({ value }) => JSON.parse(value.toString()))

/** A Parquet file as DuckDB writes it. */
async function parquet(select: string): Promise<Buffer> {
  const path = join(folder, `${randomUUID()}.parquet`)
  const duckdb = await DuckDBInstance.create(':memory:')
  const connection = await duckdb.connect()
  await connection.run(`COPY (${select}) TO '${path}' (FORMAT parquet)`)
  connection.closeSync()
  duckdb.closeSync()
  return readFile(path)
}

/** The answer once the file is read: the first one comes before where that takes longer. */
async function upload(body: Uint8Array, query = '', headers: Record<string, string> = {}): Promise<Answer> {
  const answer = await api.ask('POST', `/v1/datasets/events/batch${query}`, {
    tenant: place.tenant,
    body,
    headers: { 'content-type': 'application/vnd.apache.parquet', ...headers },
  })
  let last = answer
  await until(
    'the file to be read',
    async () => {
      if (last.body['status'] === 'running')
        last = await api.ask('GET', `/v1/batches/${String(answer.body['batch_id'])}`, { tenant: place.tenant })
      return last.body['status'] !== 'running'
    },
    60_000,
    50,
  )
  return last
}

test('columns become members by their type, and what is null is left out', async () => {
  const from = sent().length
  const file = await parquet(`
    SELECT TIMESTAMP '2020-01-02 03:04:05.678901' AS at, DATE '2020-01-02' AS day, 'é"x' AS name, 7::BIGINT AS n, 1.5::DOUBLE AS price,
      true AS ok, ['a', 'b'] AS tags
    UNION ALL SELECT TIMESTAMP '2020-01-03', NULL, NULL, NULL, NULL, NULL, NULL`)
  const answer = await upload(file, '?map=timestamp=at&set=kind=3')
  assert.deepEqual(
    [answer.body['status'], answer.body['accepted'], answer.body['rejected']],
    ['done', 2, 0],
    answer.text,
  )
  assert.deepEqual(
    sent()
      .slice(from)
      .map(({ data }) => data),
    [
      {
        timestamp: '2020-01-02T03:04:05.678901Z',
        day: '2020-01-02',
        name: 'é"x',
        n: 7,
        price: 1.5,
        ok: true,
        tags: ['a', 'b'],
        kind: 3,
      },
      { timestamp: '2020-01-03T00:00:00.000000Z', kind: 3 },
    ],
  )
})

test('a day may be an instant, a zone is told, and what JSON has no number for refuses its row alone', async () => {
  const from = sent().length
  const file = await parquet(
    `SELECT DATE '2020-01-02' AS at, 'nan'::DOUBLE AS price UNION ALL SELECT DATE '2020-01-03', 2.5`,
  )
  const answer = await upload(file, '?map=timestamp=at')
  assert.deepEqual([answer.body['accepted'], answer.body['rejected']], [1, 1], answer.text)
  assert.deepEqual(sent().at(from)?.data, { timestamp: '2020-01-03T00:00:00Z', price: 2.5 })
  const results = await api.ask('GET', String(answer.body['results_url']), { tenant: place.tenant })
  const [told] = results.text.split('\n')
  const { line, errors } = JSON.parse(told ?? '')
  assert.deepEqual([line, errors[0].pointer], [1, '/price'])
})

test('what lies in structs, lists and maps becomes what the schema wants of it, as it does at the top', async () => {
  const from = sent().length
  const file = await parquet(`
    SELECT TIMESTAMP '2020-01-02' AS timestamp, 123456789012345678.90::DECIMAL(20,2) AS sum, 2.50::DECIMAL(10,2) AS exact,
      {'at': TIMESTAMPTZ '2020-01-02 03:04:05+02', 'day': DATE '2020-01-02', 'sum': 1.50::DECIMAL(20,2), 'more': NULL::INT} AS order,
      [{'at': TIMESTAMP '2020-01-02 03:04:05.678901', 'n': NULL, 'blob': '\\xAA'::BLOB}, {'at': NULL, 'n': 2, 'blob': NULL}] AS lines,
      MAP {'a "b"': DATE '2020-01-02'} AS days
    UNION ALL SELECT TIMESTAMP '2020-01-03', NULL, NULL, NULL, NULL, NULL`)
  const answer = await upload(file)
  const told = await api.ask('GET', String(answer.body['results_url']), { tenant: place.tenant })
  assert.deepEqual([answer.body['accepted'], answer.body['rejected']], [2, 0], `${answer.text} ${told.text}`)
  assert.deepEqual(
    sent()
      .slice(from)
      .map(({ data }) => data),
    [
      {
        timestamp: '2020-01-02T00:00:00.000000Z',
        sum: '123456789012345678.90',
        exact: 2.5,
        order: { at: '2020-01-02T01:04:05.000000Z', day: '2020-01-02T00:00:00Z', sum: '1.50' },
        lines: [{ at: '2020-01-02T03:04:05.678901Z', blob: 'qg==' }, { n: 2 }],
        days: { 'a "b"': '2020-01-02T00:00:00Z' },
      },
      { timestamp: '2020-01-03T00:00:00.000000Z' },
    ],
  )
})

test('a file of 1,000 columns is read, and one of rows of 32 KB', async () => {
  const wide = Array.from({ length: 1_000 }, (_, n) => `i AS c${n}`).join(', ')
  for (const [columns, select] of [
    [1_000, `SELECT ${wide} FROM range(2048) t(i)`],
    [2, 'SELECT i AS n, repeat(md5(i::VARCHAR), 1000) AS name FROM range(2048) t(i)'],
  ] as const) {
    const path = join(folder, `${randomUUID()}.parquet`)
    await writeFile(path, await parquet(select))
    let named = 0
    let lines = 0
    const question = { path, map: [], set: [], wanted: {}, after: 0 }
    for await (const part of parquetLines(question, ({ length }) => void (named = length), AbortSignal.timeout(60_000)))
      for (const byte of part) if (byte === 0x0a) lines += 1
    assert.deepEqual([named, lines], [columns, 2_048])
  }
})

test('a column that is mapped and is not there is said before a row is sent', async () => {
  const from = sent().length
  const file = await parquet("SELECT TIMESTAMP '2020-01-02' AS timestamp, 1 AS n, 2 AS m")
  for (const [query, pointer] of [
    ['?map=kind=kinds', '/map/0'],
    ['?map=kind=m&map=name=nmae', '/map/1'],
    ['?map=n=m', '/map/0'],
    ['?event_id=id', '/event_id'],
  ] as const) {
    const { body, text } = await upload(file, query)
    // Where the reader was slow to begin the answer came before, and the batch says it.
    const { code, detail } = (body['problem'] ?? body) as Record<string, string>
    assert.equal(code, 'invalid_parameter', text)
    assert.ok(detail?.startsWith(`${pointer} `) && detail.endsWith('It has "timestamp", "n", "m".'), text)
  }
  assert.equal(sent().length, from)
})

test('a repeated file is the same events, and with the same upload-id nothing is sent again', async () => {
  const from = sent().length
  const id = randomUUID()
  const file = await parquet("SELECT TIMESTAMP '2020-01-02' AS timestamp, i AS n FROM range(1000) t(i)")
  await upload(file)
  await upload(file)
  const ids = sent()
    .slice(from)
    .map(({ event_id }) => event_id)
  assert.equal(ids.length, 2_000)
  assert.equal(new Set(ids).size, 1_000)
  await upload(file, '', { 'upload-id': id })
  const before = sent().length
  const again = await upload(file, '', { 'upload-id': id })
  assert.deepEqual([again.body['accepted'], sent().length], [1_000, before])
})

test('a file that is none, is cut, or is broken inside is refused in a sentence, and the process lives', async () => {
  const file = await parquet(
    "SELECT TIMESTAMP '2020-01-02' AS timestamp, i AS n, repeat('x', 50) AS name FROM range(20000) t(i)",
  )
  const broken = Buffer.from(file)
  broken.fill(0xff, 200, Math.floor(file.length / 2))
  for (const body of [
    Buffer.from('PAR1'),
    file.subarray(0, file.length - 100),
    Buffer.from('no parquet at all'),
    broken,
  ]) {
    const answer = await upload(body)
    assert.ok(answer.status === 400 || answer.body['status'] === 'failed', answer.text)
    assert.match(answer.text, /cannot be read/)
    assert.ok(!answer.text.includes(spool), 'our own path is nobody’s business')
  }
  assert.equal((await api.ask('GET', '/health')).status, 200)
})

test('a reader that says nothing is ended, and so is one whose rows nobody wants any more', async () => {
  const path = join(folder, `${randomUUID()}.parquet`)
  await writeFile(path, await parquet('SELECT i AS n FROM range(500000) t(i)'))
  const question = { path, map: [], set: [], wanted: {}, after: 0 }
  const { signal } = new AbortController()
  await assert.rejects(
    parquetLines(question, () => undefined, signal, 1).next(),
    /cannot be read: its reader said nothing for 0.001 s/,
  )
  await until('the reader to be gone', () => readers() === 0, 10_000, 20)
  for await (const part of parquetLines(question, () => undefined, signal)) {
    assert.ok(part.length > 0 && readers() === 1)
    break
  }
  await until('the reader to be gone, too', () => readers() === 0, 10_000, 20)
})

/** Processes of ours that read Parquet. */
const readers = (): number =>
  readdirSync('/proc').filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('parquet-process') && isOurs(pid)
    } catch {
      return false
    }
  }).length
const isOurs = (pid: string): boolean =>
  readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[1] === String(process.pid)

test('nothing is left on disk', async () => {
  await until('the folder to be empty', async () => (await readdir(spool)).length === 0, 10_000, 50)
})
