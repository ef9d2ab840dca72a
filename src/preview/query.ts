import {
  quoteName,
  readParquetSql,
  type Field,
  type FormerNames,
  type ListType,
  type Schema,
  type StructType,
  type Type,
} from '../lake/index.ts'

/** The partition column, and what "newest" means. */
export const NEWEST_BY = 'timestamp'

/**
 * The statement that reads `columns` of the newest `limit` rows of local Parquet files. Only the
 * columns asked and those ordered by are read. Rows with equal timestamps are ordered by id, so that
 * the answer is stable.
 */
export function newestRows(
  schema: Schema,
  columns: readonly Field[],
  paths: readonly string[],
  limit: number,
  formerNames?: FormerNames,
): string {
  const order = [NEWEST_BY, '_event_id'].flatMap((name) => schema.fields.filter((field) => field.name === name))
  const fields = [...new Set([...columns, ...order])]
  const orderBy = order.map((field) => `${quoteName(field.name)} DESC NULLS LAST`).join(', ')
  return [
    `SELECT ${columns.map((field) => quoteName(field.name)).join(', ')}`,
    `FROM ${readParquetSql({ ...schema, fields }, paths, formerNames)}`,
    ...(orderBy === '' ? [] : [`ORDER BY ${orderBy}`]),
    `LIMIT ${limit}`,
  ].join(' ')
}

export const isStruct = (type: Type): type is StructType => typeof type === 'object' && type.type === 'struct'
export const isList = (type: Type): type is ListType => typeof type === 'object' && type.type === 'list'
