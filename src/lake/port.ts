import type { LineShape, Schema } from './schema.ts'

/** Where objects lie. Locations are whole URIs: `file:///abs/path` or `s3://bucket/key`. */
export interface ObjectStore {
  get(location: string, range?: { readonly start: number; readonly length: number }): Promise<Uint8Array>
  /** Durable when it resolves (the file and its folder are synced). Refuses to overwrite. */
  put(location: string, body: Uint8Array): Promise<void>
  /** Moves a finished local file to its location; durable when it resolves. Refuses to overwrite. */
  putFile(location: string, localPath: string): Promise<void>
  /** Removing what is not there is no error. */
  remove(location: string): Promise<void>
  list(
    prefix: string,
  ): AsyncIterable<{ readonly location: string; readonly bytes: number; readonly modifiedAtMs: number }>
  /** A local path that DuckDB can read: the file itself, or a cached copy of an immutable object. */
  localCopy(location: string): Promise<string>
  ping(timeoutMs: number): Promise<void>
}

/** A data file of a snapshot (spec, "Manifests", `data_file`), bounds in Iceberg's binary form. */
export interface DataFile {
  readonly location: string
  /** Days since 1970-01-01: the only partition value of `day(timestamp)`. */
  readonly day: number
  readonly rows: number
  readonly bytes: number
  readonly columnSizes: ReadonlyMap<number, number>
  readonly valueCounts: ReadonlyMap<number, number>
  readonly nullCounts: ReadonlyMap<number, number>
  readonly nanCounts: ReadonlyMap<number, number>
  readonly lowerBounds: ReadonlyMap<number, Uint8Array>
  readonly upperBounds: ReadonlyMap<number, Uint8Array>
  /** Where the row groups start, so that engines can share a large file out. */
  readonly splitOffsets?: readonly number[]
}

export interface WriteJob {
  /** The table's location, without a slash at the end. */
  readonly tableLocation: string
  readonly schema: Schema
  readonly shape: LineShape
  /** The timestamptz column that `day()` partitions by. */
  readonly dayFieldId: number
  /** Part of every file's name, so that whoever sweeps knows whose it is. */
  readonly fileTag: string
  /** NDJSON, each chunk one or more whole lines each ending in a newline. */
  readonly lines: readonly Uint8Array[]
  readonly maxOpenFiles?: number
}

/** Row `line` (0-based in the job) cannot be converted; nothing of the job was kept. */
export class RowRefused extends Error {
  override readonly name = 'RowRefused'
  readonly line: number
  constructor(line: number, detail: string) {
    super(detail)
    this.line = line
  }
}

/** A row that cannot be converted, and why, in a sentence. */
export interface RefusedLine {
  /** 0-based in the job. */
  readonly line: number
  readonly detail: string
}

export interface DataFileWriter extends AsyncDisposable {
  /**
   * Writes one Parquet file per day (sorted by day), durable in the store when it resolves. Throws
   * `RowRefused` for the first row that cannot be converted; then nothing of the job was kept.
   */
  write(job: WriteJob): Promise<readonly DataFile[]>
  /** As `write`, but writes all rows that convert and reports every one that does not, in order of line. */
  writeOrRefuse(
    job: WriteJob,
  ): Promise<{ readonly files: readonly DataFile[]; readonly refused: readonly RefusedLine[] }>
}
