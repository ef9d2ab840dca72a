import type { Proof } from './proof.ts'

const stale = { number: 8, promise: 'No stale lag', test: 'test/worker/gauges.test.ts' } as const
const clamps = { number: 9, promise: 'Lag clamps', test: 'test/ingest/lag.test.ts' } as const
const law = {
  number: 10,
  promise: 'The ledger holds',
  test: 'test/worker/law.test.ts',
  name: 'consumed is the sum of what became of it in every scrape',
} as const
const health = { number: 25, promise: 'Health truth table', test: 'test/worker/verdicts.test.ts' } as const
const healthzName = 'healthy is exactly: a partition is owned and Postgres answered within its second'

export const PROOFS: readonly Proof[] = [
  {
    ...stale,
    name: 'a revoked partition is not in the very next scrape, nor is anything once the whole group is lost',
    mutation: {
      file: 'src/ingest/shares.ts',
      from: 'if (isKnown) sources.byKey.delete(sourceKey(source))',
      to: 'if (isKnown) sources.byKey.set(sourceKey(source), source)',
    },
  },
  {
    ...stale,
    name: 'a revoked partition is not in the very next scrape, nor is anything once the whole group is lost',
    mutation: { file: 'src/ingest/sources.ts', from: 'logEnd: undefined,', to: 'logEnd: owned.nextOffset,' },
  },
  {
    ...clamps,
    name: 'what retention took below the start of the log is not behind',
    mutation: {
      file: 'src/ingest/lag.ts',
      from: 'const from = Math.max(committed, source.logStart)',
      to: 'const from = committed',
    },
  },
  {
    ...clamps,
    name: 'a log that ends before what was committed, cut back or made anew, is not behind',
    mutation: {
      file: 'src/ingest/lag.ts',
      from: 'const records = Math.max(0, source.logEnd - from)',
      to: 'const records = source.logEnd - from',
    },
  },
  {
    ...clamps,
    name: 'a partition of which the bus has not said where it ends shows no lag, made up or not',
    mutation: {
      file: 'src/ingest/lag.ts',
      from: 'if (source.logEnd === undefined) return undefined',
      to: 'if (source.logEnd === undefined) return { records: 1, seconds: 0 }',
    },
  },
  {
    ...clamps,
    name: 'whatever the bus says and the clocks show, lag is never negative',
    mutation: {
      file: 'src/ingest/lag.ts',
      from: 'return { records, seconds: Math.max(0, nowMs - sinceMs) / 1000 }',
      to: 'return { records, seconds: (nowMs - sinceMs) / 1000 }',
    },
  },
  {
    ...law,
    mutation: {
      file: 'src/ingest/aside.ts',
      from: "if (records > 0) announce('worker.records.released', { ...named(taken.lane), records })",
      to: "if (records < 0) announce('worker.records.released', { ...named(taken.lane), records })",
    },
  },
  {
    ...law,
    mutation: {
      file: 'src/ingest/commit.ts',
      from: "move(parts.buffer.tally, 'inFlight', 'duplicates', totals.duplicates)",
      to: "move(parts.buffer.tally, 'inFlight', 'duplicates', 0)",
    },
  },
  {
    ...law,
    mutation: {
      file: 'src/ingest/counted.ts',
      from: "if (replayed > 0) announce('worker.records.replayed', { ...named, records: replayed })",
      to: "if (replayed < 0) announce('worker.records.replayed', { ...named, records: replayed })",
    },
  },
  {
    ...health,
    name: healthzName,
    mutation: {
      file: 'src/worker/verdicts.ts',
      from: 'if (postgres.tookMs > PING_MS)',
      to: 'if (postgres.tookMs > PING_MS + 1)',
    },
  },
  {
    ...health,
    name: healthzName,
    mutation: {
      file: 'src/worker/verdicts.ts',
      from: 'if (postgres.agoMs > STALE_MS)',
      to: 'if (postgres.agoMs > 1e12)',
    },
  },
  {
    ...health,
    name: 'live depends on this process alone, over every combination',
    mutation: {
      file: 'src/worker/verdicts.ts',
      from: "if (facts.sinceTickMs <= STUCK_MS || facts.stopping) return { ok: true, text: 'live' }",
      to: "if (facts.sinceTickMs <= STUCK_MS && !facts.stopping) return { ok: true, text: 'live' }",
    },
  },
  {
    ...health,
    name: 'started is, over every combination: a share was claimed once and every migration is there',
    mutation: {
      file: 'src/worker/verdicts.ts',
      from: "if (facts.shared && missing !== undefined) return { ok: true, text: 'started' }",
      to: "if (facts.owned > 0 && missing !== undefined) return { ok: true, text: 'started' }",
    },
  },
]
