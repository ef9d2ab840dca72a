import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { mintTraceparent, traceparentOf } from '../../src/event/index.ts'
import type { FlushLake } from '../../src/ingest/index.ts'
import { LakeFault } from '../../src/lake/index.ts'
import { resourceOf } from '../../src/telemetry/index.ts'
import { openTraces } from '../../src/telemetry/traces/traces.ts'
import { at, openCarriage, recordOf, type Place } from '../kit/carriage.ts'
import { startOtlp, type Otlp, type WireSpan } from '../kit/otlp.ts'
import { named, treeOf } from '../kit/trace-tree.ts'
import { until } from '../kit/until.ts'

/** What stands in a sampled trace below the send span, when the way into the lake was not a straight one. */
const PROCESSED = [
  '?process pulse.{tenant}.events.raw (consumer, pulse-worker)',
  '  buffer (internal, pulse-worker)',
  '  append (internal, pulse-worker)',
]

async function receiverOf(t: TestContext): Promise<Otlp> {
  const receiver = await startOtlp()
  const traces = openTraces({
    resource: resourceOf('worker'),
    endpoint: receiver.url,
    gatherMs: 10,
    onExported: () => undefined,
  })
  t.after(async () => {
    await traces[Symbol.asyncDispose]()
    await receiver[Symbol.asyncDispose]()
  })
  return receiver
}

const sampledRecord = (place: Place, n: number, traceparent: string) =>
  recordOf(place, { timestamp: at(1), n }, { headers: { traceparent } })
const waitOf = ({ startMs, endMs }: WireSpan): number => endMs - startMs
const traceOf = (receiver: Otlp, traceId: string): Promise<readonly WireSpan[]> =>
  receiver.traceWith(traceId, (spans) => named(spans, 'append').length > 0)

test('a retry: the attempt that failed is an error in a trace of its own; the request waited for the one that did not', async (t) => {
  const receiver = await receiverOf(t)
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const sent = mintTraceparent(true)
  carriage.log.append(place.topic, 0, [sampledRecord(place, 1, sent.header)])
  let faults = 1
  const ingest = await carriage.start({
    lake: (real): FlushLake => ({
      ...real,
      async write(...given) {
        if ((faults -= 1) >= 0) throw new LakeFault('store_away', 'away on purpose')
        return real.write(...given)
      },
    }),
  })
  await until('the row', () => ingest.tally.appended === 1)
  const spans = await traceOf(receiver, sent.traceId)
  assert.deepEqual(treeOf(spans), PROCESSED)
  const flushes = await until('both attempts', () => {
    const found = named(receiver.spans(), 'flush dataset')
    return found.length === 2 && found
  })
  const [failed, committed] = flushes as [WireSpan, WireSpan]
  assert.deepEqual(
    [failed.isError, failed.message, failed.attributes['error.type'], committed.isError],
    [true, 'away on purpose', 'store_away', false],
  )
  assert.notEqual(failed.traceId, committed.traceId)
  const [append] = named(spans, 'append')
  assert.equal(append?.links[0]?.traceId, committed.traceId)
  // The wait before the second attempt is a wait: the failed one is in it.
  const [buffer] = named(spans, 'buffer') as [WireSpan]
  assert.ok(buffer.startMs + waitOf(buffer) >= failed.endMs - 1, 'buffered until the attempt that committed')
})

test('a dead letter: the process span that it came in is an error and names the reason; its neighbours’ are not', async (t) => {
  const receiver = await receiverOf(t)
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const [good, bad] = [mintTraceparent(true), mintTraceparent(true)]
  carriage.log.append(place.topic, 0, [
    sampledRecord(place, 1, good.header),
    recordOf(place, { timestamp: at(1), n: 'no number' }, { headers: { traceparent: bad.header } }),
    sampledRecord(place, 2, bad.header),
  ])
  const ingest = await carriage.start()
  await until('two rows and a letter', () => ingest.tally.appended === 2 && ingest.tally.deadLettered === 1)
  assert.deepEqual(treeOf(await traceOf(receiver, good.traceId)), PROCESSED)
  const spans = await traceOf(receiver, bad.traceId)
  assert.deepEqual(
    treeOf(spans),
    PROCESSED.map((line, at_) => (at_ === 0 ? `${line} ERROR` : line)),
  )
  const [process] = named(spans, 'process pulse.{tenant}.events.raw')
  assert.equal(process?.parentSpanId, bad.spanId)
  assert.equal(process?.attributes['messaging.batch.message_count'], 2)
  assert.equal(process?.attributes['pulse.events.dlq'], 1)
  assert.deepEqual(process?.events, [{ name: 'dlq', attributes: { reason: 'unconvertible' } }])
  const [letter] = await carriage.letters(place)
  assert.match(JSON.stringify(letter?.['headers']), new RegExp(bad.header), 'a replay goes on in the same trace')
})

test('a rebalance between reading and appending: the new owner’s spans are in the trace, and nothing is there twice', async (t) => {
  const receiver = await receiverOf(t)
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const sent = mintTraceparent(true)
  const first = await carriage.start({ limits: { flushSeconds: 3_600 } })
  carriage.log.append(place.topic, 0, [sampledRecord(place, 1, sent.header)])
  await until('it is read', () => first.tally.buffered === 1)
  // No time to drain: what it holds is read again by whoever comes next.
  await first.stop(0)
  const second = await carriage.start()
  await until('the row', () => second.tally.appended === 1)
  const spans = await traceOf(receiver, sent.traceId)
  assert.deepEqual(treeOf(spans), PROCESSED)
  assert.equal(named(spans, 'process pulse.{tenant}.events.raw')[0]?.attributes['messaging.kafka.offset'], 0)
})

test('the flush of a tenant’s two datasets: one trace, a root for each, each linked to what it carried', async (t) => {
  const receiver = await receiverOf(t)
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const other = await carriage.addDataset(place, 'others')
  const [one, two] = [mintTraceparent(true), mintTraceparent(true)]
  carriage.log.append(place.topic, 0, [sampledRecord(place, 1, one.header), sampledRecord(other, 2, two.header)])
  const ingest = await carriage.start()
  await until('two rows', () => ingest.tally.appended === 2)
  await traceOf(receiver, one.traceId)
  await traceOf(receiver, two.traceId)
  const roots = named(receiver.spans(), 'flush dataset')
  const linked = roots.map(({ attributes, links }) => [
    attributes['pulse.dataset.id'],
    links.map(({ spanId }) => spanId),
  ])
  assert.deepEqual(
    new Map(linked as [string, string[]][]),
    new Map([
      ['events', [one.spanId]],
      ['others', [two.spanId]],
    ]),
  )
})

test('what is not sampled costs a flush nothing: no span in its trace, and no root where no allowance is left', async (t) => {
  const receiver = await receiverOf(t)
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const quiet = traceparentOf('7'.repeat(32), '8'.repeat(16), false)
  carriage.log.append(place.topic, 0, [sampledRecord(place, 1, quiet.header)])
  const ingest = await carriage.start({ limits: { tracesPerSecond: 0 } })
  await until('the row', () => ingest.tally.appended === 1)
  const loud = mintTraceparent(true)
  carriage.log.append(place.topic, 0, [sampledRecord(place, 2, loud.header)])
  await traceOf(receiver, loud.traceId)
  assert.deepEqual(receiver.trace(quiet.traceId), [])
  assert.equal(named(receiver.spans(), 'flush dataset').length, 1)
})
