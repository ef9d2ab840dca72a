import { listen } from './announce.ts'
import type { Metrics } from './metrics.ts'
import { each } from './series.ts'

/** How many tables' last commits are remembered: several times what can have series of its own. */
const TABLES = 1_000

interface TableFacts {
  readonly labels: { readonly tenant: string; readonly dataset: string }
  readonly snapshots: number | undefined
  readonly metadataBytes: number | undefined
}

/** What the worker does to the lake: files, table metadata, calls to the object store. Answers the functions that stop it. */
export function hearLake(metrics: Metrics): (() => void)[] {
  const files = metrics.perDataset((labels) => ({
    count: metrics.counter('pulse_worker_iceberg_data_files_total', labels),
    bytes: metrics.counter('pulse_worker_iceberg_data_bytes_total', labels),
  }))
  const batchRows = metrics.histogram('pulse_worker_batch_rows', {})
  const batchBytes = metrics.histogram('pulse_worker_batch_bytes', {})
  const calls = each(['put', 'get', 'list', 'delete'], (operation) =>
    each(['ok', 'error'], (outcome) => metrics.histogram('pulse_worker_object_store_seconds', { operation, outcome })),
  )
  // By the last commit of each, the longest ago first.
  const tables = new Map<string, TableFacts>()
  const read = (of: (facts: TableFacts) => number | undefined) => () =>
    [...tables.values()].flatMap((facts) => {
      const value = of(facts)
      return value === undefined ? [] : [[facts.labels, value] as const]
    })
  return [
    metrics.read(
      'pulse_worker_iceberg_snapshots',
      read(({ snapshots }) => snapshots),
    ),
    metrics.read(
      'pulse_worker_iceberg_metadata_bytes',
      read(({ metadataBytes }) => metadataBytes),
    ),
    listen('worker.flush.committed', ({ tenant, dataset, snapshots, metadataBytes, ...said }) => {
      batchRows.observe(said.rows)
      if (said.files > 0) batchBytes.observe(said.bytes)
      const written = files(tenant, dataset)
      written.count.inc(said.files)
      written.bytes.inc(said.bytes)
      // A flush of nothing but repeats and dead letters commits nothing to its table, which stays as it was.
      if (snapshots === undefined) return
      const table = `${tenant}/${dataset}`
      tables.delete(table)
      tables.set(table, { labels: { tenant, dataset }, snapshots, metadataBytes })
      const oldest = tables.keys().next().value
      if (tables.size > TABLES && oldest !== undefined) tables.delete(oldest)
    }),
    // Another worker may commit to them from now on: what is not committed here again is its to tell.
    listen('worker.share.changed', ({ released, lost }) => {
      if (released.length + lost.length > 0) tables.clear()
    }),
    listen('lake.call.finished', ({ operation, outcome, tookMs }) => calls[operation][outcome].observe(tookMs / 1000)),
  ]
}
