import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FetchedRecord } from '../../src/bus/index.ts'
import { consumeRun, openConsumer, type Consumer } from '../../src/ingest/consume.ts'
import type { Counted } from '../../src/ingest/counted.ts'
import { openBuffer, type IngestBuffer } from '../../src/ingest/lane.ts'
import type { Resolver } from '../../src/ingest/resolve.ts'
import { lineStart } from '../../src/ingest/segment.ts'
import { imbalance } from '../../src/ingest/tally.ts'
import type { Binding } from '../../src/registry/index.ts'
import { chance, type Chance } from '../kit/seed.ts'
import { claimed } from '../kit/source.ts'

const DATASETS = ['0193d5a8-7c00-7000-8000-00000000000a', '0193d5a8-7c00-7000-8000-00000000000b'] as const
const SCHEMAS = ['0193d5a8-7c00-7000-8000-00000000001a', '0193d5a8-7c00-7000-8000-00000000001b'] as const
const STRANGER = '0193d5a8-7c00-7000-8000-0000000000ff'

const bindings = new Map<string, Binding>(
  DATASETS.flatMap((datasetId, at) =>
    SCHEMAS.map((schemaId) => {
      const names = { tenantSlug: 'acme', datasetSlug: `d${at}`, datasetNumber: at + 1 }
      const binding = { datasetId, schemaId, ...names, keepsExtra: false, validate: () => null }
      return [`${datasetId}/${schemaId}`, binding as unknown as Binding] as const
    }),
  ),
)

/** Knows nothing until it is loaded, as the real one does. */
function openKnowledge(): Resolver {
  const loaded = new Set<string>()
  return {
    peek(_tenant, datasetId, schemaId) {
      if (!loaded.has(`${datasetId}/${schemaId}`)) return undefined
      const named = bindings.get(`${datasetId}/${schemaId}`)
      const binding = named ?? bindings.get(`${datasetId}/${SCHEMAS[0]}`)
      return binding === undefined ? null : { binding, named: named !== undefined }
    },
    load: async (_tenant, datasetId, schemaId) => void loaded.add(`${datasetId}/${schemaId}`),
    tenantSlug: () => 'acme',
    loadTenant: async () => undefined,
  }
}

const openConsumerOf = (buffer: IngestBuffer, resolver: Resolver, busTrusted: boolean): Consumer =>
  openConsumer({
    buffer,
    resolver,
    busTrusted,
    judgeLimits: { maxEventBytes: 1 << 20, maxDepth: 64 },
    parkedBytes: 1 << 20,
  })

/** A record as Pulse writes it, or as anybody else might. */
function anyRecord(luck: Chance, offset: number): FetchedRecord {
  const isOdd = luck.next() < 0.4
  const either = <T>(usual: readonly T[], odd: readonly T[]): T => luck.pick(isOdd ? [...usual, ...odd] : usual)
  const id = `0193d5a8-7c00-7000-9000-${String(offset).padStart(12, '0')}`
  const headers = Object.entries({
    'pulse-dataset': either<string | null>(DATASETS, [DATASETS[0].toUpperCase(), STRANGER, '', 'events', null]),
    'pulse-schema': either<string | null>(SCHEMAS, [SCHEMAS[1].toUpperCase(), STRANGER, '', null]),
    'pulse-received-at': either<string | null>(
      ['2026-01-01T00:00:00.000001Z', '2026-01-01T00:00:00.000002Z'],
      ['2026-02-30T00:00:00Z', 'yesterday', '2099-01-01T00:00:00Z', '', null],
    ),
    traceparent: either<string | null>(
      [`00-${'a'.repeat(32)}-${'b'.repeat(16)}-00`, `00-${'c'.repeat(32)}-${'d'.repeat(16)}-01`],
      ['', 'none', null],
    ),
  }).flatMap(([name, value]) => (value === null ? [] : [[Buffer.from(name), Buffer.from(value)] as const]))
  if (isOdd && luck.next() < 0.2) headers.reverse()
  if (isOdd && luck.next() < 0.2) headers.push([Buffer.from('more'), Buffer.from([0xff])])
  const event = `{"dataset":"d0",${luck.pick(['', '\n'])}"data":{"n":${offset}}}`
  const value = either<string | null>([event], [null, '', event])
  const key = either<string | null>([id], [id.toUpperCase(), 'no id', null])
  return {
    offset,
    timestampMs: 1_700_000_000_000 + offset,
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    headers,
  }
}

/** What lies in the buffer, by offset: a row's line with what is remembered of its record, or a letter. */
function heldIn(buffer: IngestBuffer): Map<number, unknown> {
  const held = new Map<number, unknown>()
  for (const { lanes } of buffer.tenants.values())
    for (const lane of lanes.values())
      for (const segment of [...lane.queues.values()].flat()) {
        const { bytes, lineEnds, offsets, receivedAts, traceparents, ids, odd, binding } = segment
        for (const letter of segment.letters) held.set(letter.offset, { of: lane.datasetId, letter })
        offsets.forEach((offset, row) => {
          const line = bytes.toString('utf8', lineStart(segment, row), lineEnds[row])
          const rest = [ids[row], receivedAts[row], traceparents[row], binding?.schemaId, odd?.get(row)]
          held.set(offset, { of: lane.datasetId, line, rest })
        })
      }
  return held
}

/** What a worker finds: how far the first dataset is settled, and whether others may write to the bus. */
interface Found {
  readonly settledTo: number
  readonly busTrusted: boolean
}

/** Consumes the records in runs that end where `cuts` says, `fresh`: with no memory of the record before. */
async function consumed(
  records: readonly FetchedRecord[],
  { settledTo, busTrusted }: Found,
  cuts: () => boolean,
  fresh: boolean,
) {
  const buffer = openBuffer(100_000)
  const resolver = openKnowledge()
  const source = claimed({ topicId: 'x', topic: 'pulse.t.events.raw', settled: new Map([[DATASETS[0], settledTo]]) })
  const counts = new Map<string, Counted>()
  let consumer = openConsumerOf(buffer, resolver, busTrusted)
  for (let from = 0; from < records.length;) {
    let until = from + 1
    while (until < records.length && !cuts()) until += 1
    if (fresh) consumer = openConsumerOf(buffer, resolver, busTrusted)
    const run = records.slice(from, until)
    for (let next = 0; next < run.length;) {
      const { next: reached, missing } = consumeRun(consumer, source, run, next, 1, counts)
      if (missing !== undefined) await resolver.load('t', missing.datasetId, missing.schemaId, 1)
      next = reached
    }
    from = until
  }
  assert.equal(imbalance(buffer.tally), 0)
  assert.equal(source.position, records.length)
  const sums = [...counts.values()].map(({ datasetId, records: many, bytes, future }) => [
    datasetId,
    many,
    bytes,
    future,
  ])
  return { held: heldIn(buffer), sums: sums.sort(), tally: buffer.tally }
}

test('however records are cut into runs, each becomes what it becomes alone', async (t) => {
  const luck = chance()
  t.diagnostic(`seed ${luck.seed}`)
  const kinds = { rows: 0, letters: 0 }
  for (let round = 0; round < 60; round += 1) {
    const records = Array.from({ length: luck.between(1, 40) }, (_, offset) => anyRecord(luck, offset))
    const found = { settledTo: luck.pick([0, 0, 5]), busTrusted: luck.next() < 0.5 }
    const alone = await consumed(records, found, () => true, true)
    const together = await consumed(records, found, () => luck.next() < 0.15, false)
    assert.equal(alone.held.size + alone.tally.replayed, records.length)
    assert.deepEqual(together, alone, `round ${round}`)
    for (const one of alone.held.values()) {
      if ('letter' in (one as object)) kinds.letters += 1
      else kinds.rows += 1
      // A line is what the lake's writer can read, whoever wrote the record.
      if ('line' in (one as object)) {
        const { _event_id: id, _received_at: at } = JSON.parse((one as { line: string }).line) as Record<string, string>
        assert.match(`${id} ${at}`, /^[0-9a-f-]{36} \d{4}-\d\d-\d\dT[\d:.]+Z$/)
      }
    }
  }
  assert.ok(kinds.rows > 200 && kinds.letters > 50, JSON.stringify(kinds))
})
