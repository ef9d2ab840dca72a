import { resolve } from 'node:path'
import type { ObjectStore } from '../port.ts'
import type { FileLayer } from './files.ts'
import { localStore } from './local.ts'
import type { S3Options } from './s3-client.ts'
import { s3Store } from './s3.ts'

export interface ObjectStoreOptions {
  /** `s3://bucket/prefix`, `file:///abs/path`, or a folder. */
  readonly warehouse: string
  /** Where copies of S3 objects are kept for DuckDB. */
  readonly cacheDir?: string
  /** Bytes that the copies may take together. */
  readonly cacheBytes?: number
  readonly s3?: S3Options & {
    /** Files from this size on are sent in parts; 16 MiB where it is not said. */
    readonly partBytes?: number
  }
  /** Stands in for the disk in tests. */
  readonly files?: FileLayer
}

/** Opens the store that a warehouse lies in. Nothing is touched before the first call. */
export function openObjectStore(options: ObjectStoreOptions): ObjectStore {
  const warehouse = warehouseLocation(options.warehouse)
  if (warehouse.startsWith('s3://')) {
    return s3Store({ ...options.s3, cacheDir: options.cacheDir, cacheBytes: options.cacheBytes, warehouse })
  }
  return localStore(warehouse.slice('file://'.length), options.files)
}

/** A warehouse setting as a location without a slash at its end: `./lake` becomes `file:///…/lake`. */
export function warehouseLocation(warehouse: string): string {
  const trimmed = warehouse.replace(/\/+$/, '')
  if (trimmed.startsWith('s3://')) return trimmed
  if (trimmed.startsWith('s3a://')) return `s3://${trimmed.slice('s3a://'.length)}`
  return `file://${resolve(trimmed.replace(/^file:\/*/, '/'))}`
}
