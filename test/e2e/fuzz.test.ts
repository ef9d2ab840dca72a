import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { uuidv7 } from '../../src/event/index.ts'
import { columnsOf, compose } from '../../src/pdm/index.ts'
import { addDataset, call, makePlace } from '../kit/api.ts'
import { difference, fieldsDiffer, parseExact } from '../kit/exact.ts'
import { arbitraryEventFor, arbitrarySchema, type JsonSchema } from '../kit/generate.ts'
import { readLake } from '../kit/lake-reader.ts'
import { chance } from '../kit/seed.ts'
import { bootPulse } from '../kit/system.ts'
import { until } from '../kit/until.ts'

const CASES = Number(process.env['TEST_FUZZ_CASES'] ?? 10_000)
const EVENTS_PER_SCHEMA = 250
const EVENTS_PER_REQUEST = 125

interface Sent {
  readonly id: string
  readonly data: string
}

test(`of ${CASES} events by chance, under schemas by chance, every accepted one is a row with equal values`, async (t) => {
  const luck = chance()
  t.diagnostic(`seed ${luck.seed} (TEST_SEED repeats it)`)
  await using system = await bootPulse({ PULSE_FLUSH_SECONDS: '0.5' })
  const place = await makePlace(system.baseUrl, { type: 'object', properties: {} })
  const definitions = fc.sample(arbitrarySchema(), {
    seed: luck.seed,
    numRuns: Math.ceil(CASES / EVENTS_PER_SCHEMA),
  })
  const accepted = new Map<string, Sent[]>()
  let sentEvents = 0
  let rejected = 0

  for (const [index, definition] of definitions.entries()) {
    const dataset = `fuzz-${index}`
    await addDataset(system.baseUrl, place.tenantId, definition, dataset)
    const events = fc
      .sample(arbitraryEventFor(definition), { seed: luck.seed + index, numRuns: EVENTS_PER_SCHEMA })
      .map((data) => ({ id: uuidv7(), data }))
    const taken: Sent[] = []
    accepted.set(dataset, taken)
    for (let at = 0; at < events.length; at += EVENTS_PER_REQUEST) {
      const part = events.slice(at, at + EVENTS_PER_REQUEST)
      const verdicts = await collect(system.baseUrl, place.tenantId, dataset, part)
      sentEvents += part.length
      for (const [position, event] of part.entries()) {
        if (verdicts[position] === 'accepted') taken.push(event)
        else rejected += 1
      }
    }
  }
  const total = [...accepted.values()].reduce((sum, events) => sum + events.length, 0)
  t.diagnostic(`${definitions.length} schemas, ${sentEvents} events, ${total} accepted, ${rejected} rejected`)
  assert.ok(total > CASES / 10, 'too few events were accepted for this to prove anything')
  assert.ok(rejected > 0, 'no event was rejected: the generator has lost its teeth')

  for (const [index, definition] of definitions.entries()) {
    const dataset = `fuzz-${index}`
    const events = accepted.get(dataset) ?? []
    await until(
      `${events.length} rows in ${dataset}`,
      async () => {
        const { body } = await call(system.baseUrl, 'GET', `/v1/datasets/${dataset}`, { tenantId: place.tenantId })
        return Number(body['rows'] ?? 0) >= events.length
      },
      30_000,
    )
    await compareRows(system.baseUrl, place.tenantId, dataset, definition, events)
  }
})

async function collect(
  baseUrl: string,
  tenantId: string,
  dataset: string,
  events: readonly Sent[],
): Promise<readonly string[]> {
  const body = `{"events":[${events
    .map((event) => `{"dataset":"${dataset}","event_id":"${event.id}","data":${event.data}}`)
    .join(',')}]}`
  const response = await fetch(`${baseUrl}/v1/collect`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-tenant-id': tenantId },
    body,
  })
  const answer = (await response.json()) as { results?: ReadonlyArray<{ event_id: string; status: string }> }
  assert.ok(answer.results !== undefined, `no verdicts, status ${response.status}: ${JSON.stringify(answer)}`)
  assert.equal(answer.results.length, events.length)
  return answer.results.map((result) => result.status)
}

async function compareRows(
  baseUrl: string,
  tenantId: string,
  dataset: string,
  definition: JsonSchema,
  events: readonly Sent[],
): Promise<void> {
  const { columns, keepsExtra } = columnsOf(compose({ definition, fieldGroups: [], resolve: () => undefined }))
  const lake = await readLake(baseUrl, tenantId, dataset, '*')
  const rows = new Map(lake.rows.map((row) => [String(row['_event_id']), row]))
  assert.equal(rows.size, events.length, `${dataset}: every accepted event is one row`)
  const named = new Set(columns.map((column) => column.name))
  for (const { id, data } of events) {
    const row = rows.get(id)
    assert.ok(row !== undefined, `${id} is no row of ${dataset}`)
    const sent = parseExact(data) as Record<string, unknown>
    const context = `\nschema ${JSON.stringify(definition)}\nevent ${data}`
    assert.equal(fieldsDiffer(sent, columns, row), undefined, context)
    if (!keepsExtra) continue
    const extra = Object.entries(sent).filter(([key]) => !named.has(key))
    const expected = extra.length === 0 ? null : Object.fromEntries(extra)
    assert.equal(difference(expected, 'json', row['_extra'], '/_extra'), undefined, context)
  }
}
