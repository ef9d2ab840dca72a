import assert from 'node:assert/strict'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import fc from 'fast-check'
import { readEvent, uuidv7 } from '../../src/event/index.ts'
import { lineMiddle, lineBytes, writeLine } from '../../src/ingest/line.ts'
import { membersOf } from '../../src/event/index.ts'
import { onOneLine } from '../../src/event/index.ts'
import { openDataFileWriter, openDuckDb, openObjectStore } from '../../src/lake/index.ts'
import { columnsOf, compileValidator, compose } from '../../src/pdm/index.ts'
import { designTable } from '../../src/registry/shape.ts'
import { fieldsDiffer, parseExact, difference } from '../kit/exact.ts'
import { arbitraryEventFor, arbitrarySchema } from '../kit/generate.ts'
import { ownFolder } from '../kit/folder.ts'
import { anySeed } from '../kit/seed.ts'

const SCHEMAS = Number(process.env['TEST_SCHEMAS'] ?? 30)
const EVENTS = Number(process.env['TEST_EVENTS'] ?? 60)
const LIMITS = { maxEventBytes: 1 << 20, maxDepth: 64 }

test('whatever the door accepts is stored with equal values, for schemas and events by chance', async (t) => {
  const folder = await ownFolder(t)
  const store = openObjectStore({ warehouse: `file://${folder}`, cacheDir: folder })
  await using writer = await openDataFileWriter({ store, tempDir: join(folder, 'tmp') })
  await using duck = await openDuckDb({ tempDir: folder })
  const connection = await duck.connect()
  const seed = anySeed()
  t.diagnostic(`seed ${seed}: TEST_SEED=${seed}`)
  let accepted = 0
  let refused = 0

  const [schemas] = [fc.sample(arbitrarySchema(), { seed, numRuns: SCHEMAS })]
  for (const [index, definition] of schemas.entries()) {
    const composed = compose({ definition, fieldGroups: [], resolve: () => undefined })
    const { columns, keepsExtra } = columnsOf(composed)
    const design = designTable(composed)
    const validate = compileValidator(composed)
    const events = fc.sample(arbitraryEventFor(definition), { seed: seed + index, numRuns: EVENTS })
    const taken: { id: string; data: Buffer }[] = []
    const lines: Buffer[] = []
    for (const data of events) {
      const sent = Buffer.from(`{"dataset":"d","data":${data}}`)
      const event = readEvent(sent, 0, sent.length, LIMITS)
      if (event.kind === 'unread' || validate(event.data, event.odd) !== null) {
        refused++
        continue
      }
      accepted++
      const value = event.multiline ? onOneLine(sent, 0, sent.length) : sent
      const id = uuidv7()
      taken.push({ id, data: sent })
      lines.push(lineOf(id, value, keepsExtra ? new Set(columns.map((column) => column.name)) : undefined))
    }
    if (lines.length === 0) continue
    const job = {
      tableLocation: `file://${folder}/t${index}`,
      schema: design.schema,
      shape: design.shape,
      dayFieldId: design.dayFieldId,
      fileTag: uuidv7(),
      lines,
      maxOpenFiles: 16,
    }
    const files = await writer.write(job).catch((error: Error & { line?: number }) => {
      const line = error.line === undefined ? '' : String(taken[error.line]?.data)
      assert.fail(`accepted, but not storable: ${error.message}\nschema ${JSON.stringify(definition)}\nevent ${line}`)
    })
    const list = files.map((file) => `'${fileURLToPath(file.location)}'`).join(',')
    const reader = await connection.runAndReadAll(`SELECT * FROM read_parquet([${list}], hive_partitioning=false)`)
    const rows = new Map(
      reader.getRowObjects().map((row) => [String(row['_event_id']), row as Record<string, unknown>]),
    )
    assert.equal(rows.size, taken.length, 'every accepted event is a row')
    for (const { id, data } of taken) {
      const row = rows.get(id)
      assert.ok(row !== undefined, id)
      const sent = (parseExact(data.toString()) as { data: Record<string, unknown> }).data
      const context = (): string => `\nschema ${JSON.stringify(definition)}\nevent ${data.toString()}`
      const found = fieldsDiffer(sent, columns, row)
      assert.equal(found, undefined, `${found}${context()}`)
      if (keepsExtra) {
        const named = new Set(columns.map((column) => column.name))
        const extra = Object.fromEntries(Object.entries(sent).filter(([key]) => !named.has(key)))
        const expected = Object.keys(extra).length === 0 ? null : extra
        const differs = difference(expected, 'json', row['_extra'], '/_extra')
        assert.equal(differs, undefined, `${differs}${context()}`)
      }
    }
  }
  t.diagnostic(`${accepted} accepted and stored, ${refused} refused, ${schemas.length} schemas`)
  assert.ok(accepted > (SCHEMAS * EVENTS) / 8, `${accepted} of ${SCHEMAS * EVENTS} accepted: too few to say anything`)
  assert.ok(refused > (SCHEMAS * EVENTS) / 50, `${refused} refused`)
})

/** A line as the worker writes it. */
function lineOf(id: string, value: Buffer, named: ReadonlySet<string> | undefined): Buffer {
  const members = named === undefined ? [] : membersOf(value, ['data']).filter((member) => !named.has(member.key))
  const text = members
    .map(({ key, start, end }) => `${JSON.stringify(key)}:${value.toString('utf8', start, end)}`)
    .join(',')
  const extra = members.length === 0 ? null : Buffer.from(JSON.stringify(`{${text}}`))
  const middle = lineMiddle('2026-11-25T08:00:00.000000Z', 'pulse.t.events.raw', 0)
  const line = Buffer.alloc(lineBytes(middle, extra, value))
  const at = writeLine(line, 0, Buffer.from(id), middle, 7, extra, value)
  return line.subarray(0, at + value.length + 2)
}
