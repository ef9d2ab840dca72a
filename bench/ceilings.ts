import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import Fastify from 'fastify'
import { eventAt, SCHEMA } from './events.ts'

/**
 * What the parts cost alone, in a process of its own: the most that Pulse could reach on this
 * machine, measured in the same run. `fastify` serves until it is ended; the others print JSON.
 */
const closed = (schema: unknown): unknown => {
  if (Array.isArray(schema)) return schema.map(closed)
  if (typeof schema !== 'object' || schema === null) return schema
  const copy = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]))
  return 'properties' in copy ? { ...copy, additionalProperties: false } : copy
}
const ajv = new Ajv2020({ strict: false })
;(addFormats as unknown as (ajv: Ajv2020, options: { mode: 'fast' }) => void)(ajv, { mode: 'fast' })
const validate = ajv.compile({
  type: 'object',
  properties: { dataset: { type: 'string' }, event_id: { type: 'string' }, data: closed(SCHEMA) },
  required: ['dataset', 'data'],
  additionalProperties: false,
})
const CPU = () => process.cpuUsage().user + process.cpuUsage().system

async function serve(): Promise<void> {
  const app = Fastify({ bodyLimit: 16 << 20 })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.post('/v1/collect', (request, reply) => {
    const type = request.headers['content-type']
    const body = request.body as Buffer
    const results = []
    for (const line of type === 'application/x-ndjson' ? body.toString().split('\n') : [body.toString()]) {
      const ok = validate(JSON.parse(line))
      results.push({ event_id: randomUUID(), status: ok ? 'accepted' : 'rejected' })
    }
    return reply.code(202).send({ accepted: results.length, rejected: 0, failed: 0, results })
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const address = app.server.address()
  process.stdout.write(`${JSON.stringify({ port: typeof address === 'object' ? address?.port : 0 })}\n`)
}

function parseLoop(): void {
  const lines = Array.from({ length: 20_000 }, (_, at) => Buffer.from(eventAt(at, 'bench')))
  const run = () => {
    for (const line of lines) if (!validate(JSON.parse(line.toString()))) throw new Error('invalid')
  }
  run()
  const [startedAt, cpu] = [performance.now(), CPU()]
  for (let round = 0; round < 10; round += 1) run()
  const events = lines.length * 10
  process.stdout.write(
    `${JSON.stringify({ perSecond: events / ((performance.now() - startedAt) / 1_000), cpuUs: (CPU() - cpu) / events, bytes: lines[0]?.length })}\n`,
  )
}

async function duckdbCopy(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'pulse-bench-'))
  try {
    const rows = 200_000
    const file = join(folder, 'rows.ndjson')
    writeFileSync(
      file,
      Array.from(
        { length: rows },
        (_, at) =>
          `{"_event_id":"${randomUUID()}","_received_at":"2026-11-25T00:00:00.000000Z","_source":"t/0/${at}","e":${eventAt(at, 'bench')}}`,
      ).join('\n'),
    )
    const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
    const connection = await instance.connect()
    await connection.run(`SET timezone='UTC'`)
    const columns = `{_event_id:'UUID',_received_at:'TIMESTAMPTZ',_source:'VARCHAR',e:'STRUCT(data STRUCT("timestamp" TIMESTAMPTZ, kind VARCHAR, session UUID, country VARCHAR, amount DOUBLE, quantity BIGINT, page STRUCT(url VARCHAR, referrer VARCHAR, title VARCHAR), device STRUCT(agent VARCHAR, width INTEGER, height INTEGER, touch BOOLEAN), items STRUCT(sku VARCHAR, price DOUBLE, count INTEGER)[]))'}`
    const [startedAt, cpu] = [performance.now(), CPU()]
    await connection.run(
      `COPY (SELECT _event_id, _received_at, _source, unnest(e.data) FROM read_json('${file}', format='newline_delimited', columns=${columns})) TO '${join(folder, 'rows.parquet')}' (FORMAT parquet, COMPRESSION zstd)`,
    )
    process.stdout.write(
      `${JSON.stringify({ perSecond: rows / ((performance.now() - startedAt) / 1_000), cpuUs: (CPU() - cpu) / rows })}\n`,
    )
    connection.closeSync()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const which = process.argv[2]
if (which === 'fastify') await serve()
else if (which === 'parse') parseLoop()
else if (which === 'duckdb') await duckdbCopy()
else throw new Error(`No ceiling is called "${which}": fastify, parse or duckdb.`)
