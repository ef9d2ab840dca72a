import type { Proof } from './proof.ts'

/** One trace from the door to the lake, bounded in what it links, kept by our own decision, and never lost in silence. */
export const PROOFS: readonly Proof[] = [
  {
    number: 17,
    promise: 'An exemplar leads to a trace that was kept, and only to such',
    test: 'test/real/exemplars.test.ts',
    name: 'an exemplar leads to its trace: what Prometheus kept is what the receiver has, and sampled ones only',
    mutation: {
      file: 'src/telemetry/series.ts',
      from: '  point.sampled ? point : undefined',
      to: '  point',
    },
    real: true,
  },
  {
    number: 18,
    promise: 'The request’s trace goes from parent to child, from the door to the append',
    test: 'test/e2e/traces.test.ts',
    name: 'one event: one trace id from the door to the snapshot, parent to child',
    mutation: {
      file: 'src/collect/collect.ts',
      from: '      sendSpan: request.trace.sampled ? mintTraceparent(true, request.trace.traceId) : request.trace,',
      to: '      sendSpan: request.trace,',
    },
  },
  {
    number: 18,
    promise: 'The append names the snapshot',
    test: 'test/telemetry/traces/traces.test.ts',
    name: 'a flush that carried a sampled request goes on in its trace: process below send, the wait, the append to its snapshot',
    mutation: {
      file: 'src/telemetry/traces/from-worker.ts',
      from: "  'pulse.iceberg.snapshot_id': snapshotId,",
      to: '',
    },
  },
  {
    number: 18,
    promise: 'A retry, and who waited for it, can be told apart',
    test: 'test/ingest/traces.test.ts',
    name: 'a retry: the attempt that failed is an error in a trace of its own; the request waited for the one that did not',
    mutation: { file: 'src/telemetry/traces/from-worker.ts', from: '      error: said.detail,', to: '' },
  },
  {
    number: 18,
    promise: 'A dead letter is the fault of the span that it came in',
    test: 'test/ingest/traces.test.ts',
    name: 'a dead letter: the process span that it came in is an error and names the reason; its neighbours’ are not',
    mutation: {
      file: 'src/telemetry/traces/from-worker.ts',
      from: '  const isDead = told.deadLetters > 0',
      to: '  const isDead = told.deadLetters >= 0',
    },
  },
  {
    number: 18,
    promise: 'A rebalance between reading and appending leaves the trace whole',
    test: 'test/ingest/traces.test.ts',
    name: 'a rebalance between reading and appending: the new owner’s spans are in the trace, and nothing is there twice',
    mutation: {
      file: 'src/telemetry/traces/from-worker.ts',
      from: '  const spans = carried.flatMap((one) => processed(one, said))',
      to: '  const spans = carried.slice(1).flatMap((one) => processed(one, said))',
    },
  },
  {
    number: 18,
    promise: 'Every kind of span that is wanted is made',
    test: 'test/telemetry/traces/traces.test.ts',
    name: 'every kind of span that is wanted is made: a name that nothing produces is a promise that nobody keeps',
    mutation: {
      file: 'src/telemetry/traces/traces.ts',
      from: "    listen('canary.returned', (said) => keep(ofRound(said))),",
      to: '',
    },
  },
  {
    number: 19,
    promise: 'A flush links at most 128 spans, and says how many it left out',
    test: 'test/telemetry/traces/traces.test.ts',
    name: '5,000 contexts in one flush: 128 links, one for each trace, faults first, and how many were left out',
    mutation: {
      file: 'src/telemetry/traces/from-worker.ts',
      from: '      if (links.size === MOST_LINKS) break',
      to: '',
    },
  },
  {
    number: 20,
    promise: 'A stranger’s sampled traceparent forces no sampling',
    test: 'test/api/place-in-trace.test.ts',
    name: 'a sampled traceparent from a stranger does not make its request sampled, and is never the parent',
    mutation: {
      file: 'src/telemetry/traces/sampler.ts',
      from: 'if (caller !== undefined && tenant !== undefined && isTrusted.has(tenant)) {',
      to: 'if (caller !== undefined) {',
    },
  },
  {
    number: 20,
    promise: 'A stranger’s traceparent is linked where the request is kept',
    test: 'test/api/place-in-trace.test.ts',
    name: 'where the stranger’s request is sampled for our own reasons, its traceparent is linked',
    mutation: {
      file: 'src/telemetry/traces/from-api.ts',
      from: '      ...(linked === undefined ? {} : { links: linked }),',
      to: '',
    },
  },
  {
    number: 21,
    promise: 'Spans that a dead receiver costs are counted',
    test: 'test/telemetry/traces/exporter.test.ts',
    name: 'a receiver that is gone: the queue fills, what does not fit is counted, and the end comes within its bound',
    mutation: {
      file: 'src/telemetry/traces/exporter.ts',
      from: '      if (isClosed || waiting >= queue) {',
      to: '      if (isClosed) {',
    },
  },
  {
    number: 21,
    promise: 'A process ends within its bound, whatever the receiver does',
    test: 'test/telemetry/traces/exporter.test.ts',
    name: 'a receiver that never answers delays nobody: taking spans returns at once, and the end comes within its bound',
    mutation: {
      file: 'src/telemetry/traces/exporter.ts',
      from: '      const signal = AbortSignal.timeout(closeMs)',
      to: '      const signal = AbortSignal.timeout(closeMs * 100)',
    },
  },
  {
    number: 21,
    promise: 'Spans that are lost are announced',
    test: 'test/telemetry/traces/traces.test.ts',
    name: 'a receiver that is away is told of once a while, with how many spans it cost; what arrives is counted',
    mutation: {
      file: 'src/telemetry/traces/traces.ts',
      from: "    announce('telemetry.spans.lost', { reason, ...loss })",
      to: '',
    },
  },
]
