import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { DuckDBInstance } from '@duckdb/node-api'
import { addDataset, call, makePlace } from '../kit/api.ts'
import { bootPulse } from '../kit/system.ts'
import { until } from '../kit/until.ts'
import { beginUpload } from '../kit/uploading.ts'

/**
 * Files that nobody made for us, through a whole Pulse whose API is killed meanwhile: as many rows in the table as DuckDB reads from the
 * file, each once.
 */
const DATA = join(import.meta.dirname, '..', '..', 'node_modules', 'vega-datasets', 'data')
const system = await bootPulse({ PULSE_FLUSH_SECONDS: '2' })
after(() => system[Symbol.asyncDispose]())
const place = await makePlace(system.baseUrl, {}, { dataset: 'first' })

const number = { type: 'number' }
const text = { type: 'string' }
const FILES = [
  {
    file: 'flights-200k.json',
    type: 'application/json',
    query: '?set=timestamp=2020-01-01T00:00:00Z',
    properties: { delay: { type: 'integer' }, distance: { type: 'integer' }, time: number },
    count: "SELECT count(*)::INT AS n FROM read_json('FILE')",
    kills: 1,
    again: true,
  },
  {
    file: 'birdstrikes.csv',
    type: 'text/csv',
    // By its own dates, of some 3,600 days.
    query: '?map=timestamp=Flight%20Date',
    properties: {
      'Airport Name': text,
      'Cost Total $': { type: 'integer' },
      'Speed IAS in knots': { type: 'integer' },
    },
    count: "SELECT count(*)::INT AS n FROM read_csv('FILE')",
    kills: 0,
  },
  {
    file: 'flights-3m.parquet',
    type: 'application/vnd.apache.parquet',
    query: '?map=timestamp=date',
    properties: { delay: { type: 'integer' }, distance: { type: 'integer' }, origin: text, destination: text },
    count: "SELECT count(*)::INT AS n FROM read_parquet('FILE')",
    kills: 1,
  },
]

async function rowsOf(file: string, sql: string): Promise<number> {
  const duckdb = await DuckDBInstance.create(':memory:')
  const connection = await duckdb.connect()
  const [row] = (await connection.runAndReadAll(sql.replace('FILE', file))).getRowObjects()
  connection.closeSync()
  duckdb.closeSync()
  return Number(row?.['n'])
}

for (const { file, type, query, properties, count, kills, again = false } of FILES) {
  test(`${file}: every row is in the table once${kills > 0 ? ', though the API was killed on the way' : ''}`, async (t) => {
    const path = join(DATA, file)
    const rows = await rowsOf(path, count)
    const dataset = file.replaceAll('.', '-')
    await addDataset(
      system.baseUrl,
      place.tenantId,
      { type: 'object', properties, additionalProperties: true },
      dataset,
    )
    const id = randomUUID()
    const standing = async (): Promise<Record<string, unknown>> =>
      (await call(system.baseUrl, 'GET', `/v1/batches/${id}`, { tenantId: place.tenantId }).catch(() => undefined))
        ?.body ?? {}

    let killed = 0
    let isCut = false
    let sends = 0
    const startedAt = performance.now()
    await until(
      `${file} to be uploaded`,
      async () => {
        const before = await standing()
        if (before['status'] === 'done') return true
        // Parquet goes on behind the answer: it is sent again where nobody carries it on.
        if (before['status'] === 'running' && !isCut) {
          if (killed === kills || Number(before['accepted']) <= 20_000) return false
          killed += 1
          system.kill9('api')
        }
        // Nobody waits for the minute after which the batch itself says that nobody carries it on.
        isCut = false
        const offset = Number(before['upload_offset'] ?? 0)
        const headers = {
          'content-type': type,
          'x-tenant-id': place.tenantId,
          'upload-id': id,
          'upload-offset': String(offset),
        }
        sends += 1
        const uploading = beginUpload(system.baseUrl, dataset, headers, query)
        for await (const part of createReadStream(path, { start: offset })) {
          await uploading.write(part as Buffer).catch(() => undefined)
          if (
            killed < kills &&
            type !== 'application/vnd.apache.parquet' &&
            Number((await standing())['accepted']) > 20_000
          ) {
            killed += 1
            isCut = true
            system.kill9('api')
          }
        }
        uploading.end()
        const answer = await uploading.answer.catch(() => undefined)
        assert.ok(answer === undefined || answer.status === 202 || answer.status === 503, JSON.stringify(answer))
        return false
      },
      240_000,
      300,
    )
    const { accepted, rejected } = await standing()
    t.diagnostic(
      `${rows} rows accepted in ${Math.round(performance.now() - startedAt)} ms, sent ${sends} times, ${killed} kills`,
    )
    assert.deepEqual([accepted, rejected, killed], [rows, 0, kills])
    /** The table's rows once a marker is one of them: the ledger has then had every record that was sent before it. */
    const rowsAtMarker = async (markers: number): Promise<number> => {
      const marker = await call(system.baseUrl, 'POST', '/v1/collect', {
        tenantId: place.tenantId,
        body: { dataset, data: { timestamp: '2199-01-01T00:00:00Z' } },
      })
      assert.equal(marker.status, 202, JSON.stringify(marker.body))
      let committed = -1
      await until(
        'the rows to be in the table',
        async () => {
          const { body } = await call(system.baseUrl, 'GET', `/v1/datasets/${dataset}`, { tenantId: place.tenantId })
          committed = Number(body['rows'])
          return committed >= rows + markers
        },
        240_000,
        500,
      )
      return committed
    }
    assert.equal(await rowsAtMarker(1), rows + 1)
    if (!again) return
    const repeat = beginUpload(system.baseUrl, dataset, { 'content-type': type, 'x-tenant-id': place.tenantId }, query)
    for await (const part of createReadStream(path)) await repeat.write(part as Buffer)
    repeat.end()
    assert.equal((await repeat.answer).body['accepted'], rows)
    assert.equal(await rowsAtMarker(2), rows + 2, 'the same file again adds nothing')
  })
}
