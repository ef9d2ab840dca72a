import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { DuckDBInstance } from '@duckdb/node-api'
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

test('nothing is left on disk', async () => {
  await until('the folder to be empty', async () => (await readdir(spool)).length === 0, 10_000, 50)
})
