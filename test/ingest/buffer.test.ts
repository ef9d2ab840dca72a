import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Binding } from '../../src/registry/index.ts'
import { bufferLetter, bufferRow, openFor, putBack, settle, take } from '../../src/ingest/buffer.ts'
import type { DeadLetter } from '../../src/ingest/dead-letters.ts'
import { dropQueue, pendingOffsets, shedTail } from '../../src/ingest/forget.ts'
import { laneOf, openBuffer, type Take } from '../../src/ingest/lane.ts'
import { lineBytes, lineMiddle } from '../../src/ingest/line.ts'
import { restartOffset, type Source } from '../../src/ingest/sources.ts'
import { imbalance, move } from '../../src/ingest/tally.ts'
import { claimed } from '../kit/source.ts'

const bindings = ['s1', 's2'].map((schemaId) => ({ schemaId }) as Binding)
const names = (datasetId: string) => ({ datasetId, tenantSlug: 't', datasetSlug: datasetId, datasetNumber: 1 })
const newSource = (partition: number): Source => claimed({ topicId: 'x', partition })
const middle = lineMiddle('2026-01-01T00:00:00Z', 'topic', 0)
const id = Buffer.from('01900000-0000-7000-8000-000000000001')

function addRow(
  buffer: ReturnType<typeof openBuffer>,
  source: Source,
  datasetId: string,
  version: number,
  size: number,
): void {
  const lane = laneOf(buffer, 't', names(datasetId))
  const value = Buffer.alloc(size, 0x20)
  const offset = source.position++
  const segment = openFor(buffer, lane, source, bindings[version], offset, lineBytes(middle, null, value), 0)
  bufferRow(
    buffer,
    lane,
    segment,
    { id, idText: String(offset), middle, receivedAt: '', traceparent: '', extra: null },
    offset,
    value,
  )
}
function addLetter(buffer: ReturnType<typeof openBuffer>, source: Source, datasetId: string, size = 10): void {
  const lane = laneOf(buffer, 't', names(datasetId))
  const offset = source.position++
  const letter = { offset, key: null, value: Buffer.alloc(size), error: '' } as unknown as DeadLetter
  bufferLetter(buffer, lane, openFor(buffer, lane, source, bindings[0], offset, 0, 0), letter)
}

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('row' as const),
      source: fc.nat(2),
      dataset: fc.nat(2),
      version: fc.nat(1),
      size: fc.nat(5000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('letter' as const), source: fc.nat(2), dataset: fc.nat(2) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('take' as const),
      dataset: fc.nat(2),
      most: fc.integer({ min: 1, max: 30 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('settle' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('putBack' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('lose' as const), source: fc.nat(2) }) },
)

test('whatever is buffered, taken, put back, lost or settled: nothing vanishes, prefixes stay prefixes, bytes add up', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const buffer = openBuffer(8)
      const sources = [newSource(0), newSource(1), newSource(2)]
      const flights = new Map<string, Take>()
      // What became of each offset of each source object, by dataset.
      const settled = new Map<Source, Map<string, number>>()
      for (const one of steps) {
        if (one.kind === 'row') addRow(buffer, sources[one.source] as Source, `d${one.dataset}`, one.version, one.size)
        if (one.kind === 'letter') addLetter(buffer, sources[one.source] as Source, `d${one.dataset}`)
        if (one.kind === 'take') {
          const lane = laneOf(buffer, 't', names(`d${one.dataset}`))
          if (flights.has(lane.datasetId) || lane.records === 0) continue
          const taken = take(buffer, lane, one.most)
          assert.ok(taken.records > 0)
          assert.ok(taken.records <= Math.max(one.most, 8), 'at most what was asked, or one segment')
          flights.set(lane.datasetId, taken)
        }
        const [datasetId, flight] = [...flights][0] ?? []
        if (one.kind === 'settle' && flight !== undefined && datasetId !== undefined) {
          flights.delete(datasetId)
          for (const segment of flight.segments) {
            const of = settled.get(segment.source) ?? new Map<string, number>()
            settled.set(segment.source, of)
            assert.ok(segment.firstOffset >= (of.get(datasetId) ?? 0), 'a prefix: nothing older comes later')
            of.set(datasetId, segment.nextOffset)
          }
          settle(buffer, flight)
          move(buffer.tally, 'inFlight', 'appended', flight.records)
        }
        if (one.kind === 'putBack' && flight !== undefined && datasetId !== undefined) {
          flights.delete(datasetId)
          putBack(buffer, flight)
        }
        if (one.kind === 'lose') {
          const lost = sources[one.source] as Source
          lost.gone = true
          for (const lane of buffer.tenants.get('t')?.lanes.values() ?? []) dropQueue(buffer, lane, lost)
          sources[one.source] = newSource(one.source)
        }
        assert.equal(imbalance(buffer.tally), 0)
        const lanes = [...(buffer.tenants.get('t')?.lanes.values() ?? [])]
        assert.equal(
          lanes.reduce((sum, lane) => sum + lane.records, 0),
          buffer.tally.buffered,
        )
        assert.equal(
          lanes.reduce((sum, lane) => sum + lane.inFlight, 0),
          buffer.tally.inFlight,
        )
        const held =
          lanes.reduce((sum, lane) => sum + lane.bytes, 0) +
          [...flights.values()].reduce((sum, taken) => sum + taken.bytes, 0)
        assert.equal(buffer.bytes, held)
        assert.equal(buffer.tenants.get('t')?.bytes ?? 0, held)
      }
    }),
    { numRuns: 300 },
  )
})

test('a dataset with nothing pending does not hold its partition back; one with something does', () => {
  const buffer = openBuffer(100)
  const source = newSource(0)
  addRow(buffer, source, 'a', 0, 10)
  addRow(buffer, source, 'b', 0, 10)
  addRow(buffer, source, 'a', 0, 10)
  const tenant = buffer.tenants.get('t')
  assert.ok(tenant)
  take(buffer, laneOf(buffer, 't', names('a')), 100)
  assert.equal(restartOffset(source.position, pendingOffsets(tenant, source)), 1)
  take(buffer, laneOf(buffer, 't', names('b')), 100)
  assert.equal(restartOffset(source.position, pendingOffsets(tenant, source)), 3)
})

test('what a parked lane forgets is its newest, and where to read again is remembered', () => {
  const buffer = openBuffer(1)
  const source = newSource(0)
  for (let i = 0; i < 10; i += 1) addRow(buffer, source, 'a', 0, 1000)
  const lane = laneOf(buffer, 't', names('a'))
  assert.equal(shedTail(buffer, lane, lane.bytes / 2), 5)
  assert.equal(lane.shed.get(source), 5)
  assert.equal(source.marks.get('a'), 5, 'they are no re-reads when they come again')
  assert.equal(imbalance(buffer.tally), 0)
  assert.deepEqual(pendingOffsets(lane.tenant, source), [0, 5])
})

test('a parked lane keeps one segment, however little it may hold: only a flush finds out that its table is back', () => {
  const buffer = openBuffer(1)
  const source = newSource(0)
  for (let i = 0; i < 3; i += 1) addRow(buffer, source, 'a', 0, 1000)
  const lane = laneOf(buffer, 't', names('a'))
  assert.equal(shedTail(buffer, lane, 0), 2)
  assert.equal(lane.records, 1)
  assert.deepEqual(pendingOffsets(lane.tenant, source), [0, 1])
})

test('a lane whose last record goes with a lost partition reads again what it had forgotten of the others', () => {
  for (const isInFlight of [false, true]) {
    const buffer = openBuffer(1)
    const [lost, kept] = [newSource(0), newSource(1)]
    addRow(buffer, lost, 'a', 0, 1000)
    for (let i = 0; i < 3; i += 1) addRow(buffer, kept, 'a', 0, 1000)
    const lane = laneOf(buffer, 't', names('a'))
    dropQueue(buffer, lane, kept)
    lane.shed.set(kept, 1)
    const taken = isInFlight ? take(buffer, lane, 10) : undefined
    lost.gone = true
    dropQueue(buffer, lane, lost)
    if (taken !== undefined) {
      assert.equal(kept.position, 3, 'what is in flight may still bring the table back')
      putBack(buffer, taken)
    }
    assert.equal(kept.position, 1)
    assert.equal(lane.shed.size, 0)
    assert.equal(imbalance(buffer.tally), 0)
  }
})

test('a flood of dead letters goes in several commits: a segment and a flush hold so many bytes of them', () => {
  const buffer = openBuffer(10_000)
  const source = newSource(0)
  const lane = laneOf(buffer, 't', names('a'))
  for (let i = 0; i < 20; i += 1) addLetter(buffer, source, 'a', 400_000)
  const flights: Take[] = []
  while (lane.records > 0) flights.push(take(buffer, lane, 10_000, 3_000_000))
  assert.deepEqual(
    flights.map(({ records }) => records),
    [6, 6, 6, 2],
  )
  assert.ok(flights.every(({ letterBytes }) => letterBytes <= 3_000_000))
  for (let i = 0; i < 20; i += 1) addRow(buffer, source, 'a', 0, 400_000)
  assert.equal(take(buffer, lane, 10_000, 3_000_000).records, 20, 'rows are not carried by the commit')
  for (let i = 0; i < 20; i += 1) addRow(buffer, source, 'a', 0, 400_000)
  lane.parked = { fault: 'table', sinceMs: 0, untilMs: 0, attempts: 1 }
  assert.ok(
    take(buffer, lane, 10_000, 3_000_000).records < 20,
    'unless their table is broken, which may make letters of them',
  )
})
