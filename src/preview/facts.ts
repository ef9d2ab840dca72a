import type { Table } from '../lake/index.ts'
import { rfc3339 } from './render.ts'

/** What a dataset's table holds right now, as `GET /v1/datasets/{dataset}` shows it. */
export interface DatasetFacts {
  readonly rows: number
  readonly files: number
  readonly bytes: number
  readonly snapshot_id: string | null
  readonly committed_at: string | null
  readonly location: string
}

/** The facts of a loaded table; zeros and nulls where nothing was ever committed. */
export function factsOf(table: Pick<Table, 'location' | 'snapshot'>): DatasetFacts {
  const { location, snapshot } = table
  if (snapshot === undefined) return { rows: 0, files: 0, bytes: 0, snapshot_id: null, committed_at: null, location }
  return {
    rows: snapshot.totalRows,
    files: snapshot.totalFiles,
    bytes: snapshot.totalBytes,
    snapshot_id: String(snapshot.id),
    committed_at: rfc3339(BigInt(snapshot.committedAtMs) * 1000n),
    location,
  }
}
