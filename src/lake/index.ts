export * from './schema.ts'
export * from './port.ts'
export { LakeFault, isLakeFault, type LakeFaultCode } from './faults.ts'
export { assignIds, fieldsById, type Assigned } from './ids.ts'
export { dayName, dayOfMicros } from './day.ts'
export { boundText, compareBounds, decodeBound, type BoundValue } from './bounds.ts'
export { openObjectStore, warehouseLocation, type ObjectStoreOptions } from './objects/open.ts'
export type { S3Options } from './objects/s3.ts'
export { diskFiles, type FileLayer } from './objects/files.ts'
export type { SnapshotId, TableMetadata } from './metadata.ts'
export { createTable, loadTable, type SnapshotFacts, type Table } from './table.ts'
export { mintSnapshotId, stageAppend, type AppendOptions, type Staged } from './append.ts'
export { planScan, type ScanPlan } from './scan.ts'
export { openDataFileWriter, type DataFileWriterOptions } from './parquet/writer.ts'
export {
  duckdbSchemaMap,
  openDuckDb,
  quoteName,
  quoteText,
  readParquetSql,
  typeSql,
  type DuckDb,
  type DuckDbOptions,
} from './parquet/duckdb.ts'
export {
  CATALOG_NAME,
  insertNamespace,
  insertTable,
  movePointer,
  pointerOf,
  pointersOf,
  type CatalogSql,
} from './catalog.ts'
