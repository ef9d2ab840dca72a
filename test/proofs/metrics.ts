import type { Proof } from './proof.ts'

export const PROOFS: readonly Proof[] = [
  {
    number: 1,
    promise: 'The catalogue is the documentation',
    test: 'test/telemetry/catalog-page.test.ts',
    name: 'what the page says of a metric is what the catalogue says',
    mutation: {
      file: 'src/telemetry/catalog/worker.ts',
      from: "{ kind: ['claimed', 'released', 'lost'] },",
      to: "{ kind: ['claimed', 'released', 'lost', 'stolen'] },",
    },
  },
  {
    number: 1,
    promise: 'The catalogue is the documentation',
    test: 'test/telemetry/catalog-page.test.ts',
    name: 'the page has every metric of the catalogue and no other',
    mutation: {
      file: 'src/telemetry/catalog/canary.ts',
      from: '  pulse_canary_refused_total: counter(',
      to: '  pulse_canary_refusals_total: counter(',
    },
  },
  {
    number: 2,
    promise: 'Founding names never change',
    test: 'test/telemetry/catalog.test.ts',
    name: 'the eight founding metrics have exactly the founding names, types, labels and planes',
    mutation: {
      file: 'src/telemetry/catalog/worker.ts',
      from: '    { ...TENANT, reason: DEAD_LETTER_REASONS },',
      to: '    { ...PAIR, reason: DEAD_LETTER_REASONS },',
    },
  },
  {
    number: 3,
    promise: 'Naming rules',
    test: 'test/telemetry/catalog.test.ts',
    name: 'every metric is named by the rules of Prometheus and described',
    mutation: {
      file: 'src/telemetry/catalog/process.ts',
      from: '  pulse_db_query_seconds: histogram(',
      to: '  pulse_db_query_milliseconds: histogram(',
    },
  },
  {
    number: 3,
    promise: 'Naming rules',
    test: 'test/telemetry/catalog.test.ts',
    name: 'every label is a closed list or bounded',
    mutation: {
      file: 'src/telemetry/catalog/api.ts',
      from: '{ reason: SHED_REASONS }',
      to: "{ reason: 'text' }",
    },
  },
  {
    number: 4,
    promise: 'Valid exposition',
    test: 'test/telemetry/render.test.ts',
    name: 'whatever is counted under whatever labels, both formats are what the client itself writes',
    mutation: {
      file: 'src/telemetry/render.ts',
      from: `escaped(value).replaceAll('"', '\\\\"')`,
      to: 'escaped(value)',
    },
  },
  {
    number: 4,
    promise: 'Valid exposition',
    test: 'test/telemetry/metrics.test.ts',
    name: 'both formats say the same, and a scrape of one changes nothing in the next of the other',
    mutation: {
      file: 'src/telemetry/metrics.ts',
      from: 'const openMetrics = wantsOpenMetrics(accept)',
      to: 'const openMetrics = wantsOpenMetrics(accept) && false',
    },
  },
  {
    number: 4,
    promise: 'Valid exposition',
    test: 'test/real/promtool-metrics.test.ts',
    name: 'Prometheus’ own linter has nothing to say of a full scrape of any plane',
    real: true,
    mutation: {
      file: 'src/telemetry/metrics.ts',
      from: "  'nodejs_active_handles_total',",
      to: "  'nodejs_active_handles_totals',",
    },
  },
  {
    number: 5,
    promise: 'Born at zero',
    test: 'test/telemetry/metrics.test.ts',
    name: 'the very first scrape has every closed label set of every counter and histogram, at zero',
    mutation: {
      file: 'src/telemetry/born.ts',
      from: 'sets = sets.flatMap((set) => values.map(',
      to: 'sets = sets.flatMap((set) => values.slice(1).map(',
    },
  },
  {
    number: 5,
    promise: 'Born at zero',
    test: 'test/telemetry/listen-api.test.ts',
    name: 'known routes are born at zero',
    mutation: {
      file: 'src/telemetry/listen-api.ts',
      from: 'for (const status of BORN) countOf(route, seriesOf(route), status)',
      to: 'seriesOf(route)',
    },
  },
  {
    number: 6,
    promise: 'Totals conserved under overflow',
    test: 'test/telemetry/conserved.test.ts',
    name: 'at every step the sum over all series, and what was retired, is the truth',
    mutation: {
      file: 'src/telemetry/retire.ts',
      from: 'retired.set(name, (retired.get(name) ?? 0) + counted)',
      to: 'retired.set(name, counted)',
    },
  },
  {
    number: 6,
    promise: 'Totals conserved under overflow',
    test: 'test/telemetry/conserved.test.ts',
    name: 'at every step the sum over all series, and what was retired, is the truth',
    mutation: {
      file: 'src/telemetry/slots.ts',
      from: 'nowMs - slot.seenAtMs >= SILENCE_MS)',
      to: 'nowMs - slot.seenAtMs >= 0)',
    },
  },
  {
    number: 7,
    promise: 'Scrape stays cheap',
    test: 'test/telemetry/scrape-cost.test.ts',
    name: 'ten thousand tenants: a scrape is under five thousand series, holds the loop for moments, and its sums are exact',
    mutation: {
      file: 'src/telemetry/slots.ts',
      from: 'slots.size < limit && (taken.get(owner) ?? 0) < share',
      to: '(taken.get(owner) ?? 0) < share',
    },
  },
  {
    number: 7,
    promise: 'Scrape stays cheap',
    test: 'test/telemetry/budget.test.ts',
    name: 'at the default limits no scrape can pass five thousand series or twenty thousand lines',
    mutation: {
      file: 'src/telemetry/bounds.ts',
      from: 'Math.max(1, Math.floor(datasets * 0.4))',
      to: 'Math.max(1, Math.floor(datasets * 0.8))',
    },
  },
  {
    number: 28,
    promise: 'Metrics of a stage',
    test: 'test/telemetry/stages.test.ts',
    name: 'each stage moves the metrics that it declares, and no other',
    mutation: {
      file: 'src/telemetry/listen-worker.ts',
      from: 'flushes[said.trigger].committed.inc()',
      to: 'flushes[said.trigger].committed.inc(0)',
    },
  },
  {
    number: 28,
    promise: 'Metrics of a stage',
    test: 'test/telemetry/stages.test.ts',
    name: 'each stage moves the metrics that it declares, and no other',
    mutation: {
      file: 'src/telemetry/listen-api.ts',
      from: 'if (said.collected === undefined) return',
      to: 'if (said.collected === undefined) return batch.observe(1)',
    },
  },
]
