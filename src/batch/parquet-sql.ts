import { DuckDBTypeId, type DuckDBType } from '@duckdb/node-api'
import { quoteName, quoteText } from '../lake/index.ts'
import type { Wanted } from './wanted.ts'

/** A Parquet file, and what its columns become. */
export interface ParquetQuestion {
  readonly path: string
  /** Column -> member. */
  readonly map: readonly (readonly [column: string, member: string])[]
  /** Member -> JSON text. */
  readonly set: readonly (readonly [member: string, literal: string])[]
  readonly wanted: Wanted
  /** Rows to begin after. */
  readonly after: number
}

interface Column {
  readonly name: string
  readonly type: DuckDBType
}

/**
 * Says each row as JSON, constants last. One `to_json` for the whole row: one a column costs 128 KB each and three times the time
 * (1,000 columns did not fit 256 MB; three million flights took 3.0 s, and take 1.1 s).
 */
export function rowsSql({ map, set, wanted, after, path }: ParquetQuestion, columns: readonly Column[]): string {
  const members = new Map(map)
  const constants = new Set(set.map(([member]) => member))
  const parts = columns.flatMap(({ name, type }) => {
    const member = members.get(name) ?? name
    if (constants.has(member)) return []
    return [`${quoteText(member)}: ${valueSql(quoteName(name), type, memberOf(wanted, member), 0)}`]
  })
  const fixed = set.map(([member, literal]) => `${quoteText(member)}: ${quoteText(literal)}::JSON`)
  const struct = [...parts, ...fixed].join(', ')
  return `SELECT to_json({${struct}})::VARCHAR FROM (SELECT * FROM read_parquet(${quoteText(path)}) OFFSET ${after})`
}

const memberOf = ({ members }: Wanted, name: string): Wanted =>
  members !== undefined && Object.hasOwn(members, name) ? (members[name] as Wanted) : {}

const MICROSECONDS = quoteText('%Y-%m-%dT%H:%M:%S.%fZ')

/** A value as `to_json` takes it for what an event has, at every depth. */
function valueSql(value: string, type: DuckDBType, wanted: Wanted, depth: number): string {
  switch (type.typeId) {
    case DuckDBTypeId.TIMESTAMP_TZ:
      return `strftime(${value} AT TIME ZONE 'UTC', ${MICROSECONDS})`
    case DuckDBTypeId.TIMESTAMP:
    case DuckDBTypeId.TIMESTAMP_S:
    case DuckDBTypeId.TIMESTAMP_MS:
    case DuckDBTypeId.TIMESTAMP_NS:
      return `strftime(${value}::TIMESTAMP, ${MICROSECONDS})`
    case DuckDBTypeId.DATE:
      return `strftime(${value}, '%Y-%m-%d${wanted.as === 'instant' ? 'T00:00:00Z' : ''}')`
    case DuckDBTypeId.BLOB:
      return `base64(${value})`
    case DuckDBTypeId.DECIMAL:
      return wanted.as === 'text' ? `${value}::VARCHAR` : value
    case DuckDBTypeId.TIME:
    case DuckDBTypeId.TIME_TZ:
    case DuckDBTypeId.INTERVAL:
      return `${value}::VARCHAR`
    default:
      return nestedSql(value, type, wanted, depth)
  }
}

function nestedSql(value: string, type: DuckDBType, wanted: Wanted, depth: number): string {
  const one = `x${depth}`
  const { each = {} } = wanted
  if (type.typeId === DuckDBTypeId.LIST) {
    const made = valueSql(one, type.valueType, each, depth + 1)
    return made === one ? value : `list_transform(${value}, lambda ${one}: ${made})`
  }
  if (type.typeId === DuckDBTypeId.MAP) {
    const made = valueSql(one, type.valueType, each, depth + 1)
    const values = `list_transform(map_values(${value}), lambda ${one}: ${made})`
    return made === one ? value : `CASE WHEN ${value} IS NULL THEN NULL ELSE map(map_keys(${value}), ${values}) END`
  }
  if (type.typeId !== DuckDBTypeId.STRUCT) return value
  let isSame = true
  const parts = type.entryNames.map((name, at) => {
    const found = `struct_extract(${value}, ${quoteText(name)})`
    const made = valueSql(found, type.entryTypes[at] as DuckDBType, memberOf(wanted, name), depth)
    isSame &&= made === found
    return `${quoteName(name)} := ${made}`
  })
  return isSame ? value : `CASE WHEN ${value} IS NULL THEN NULL ELSE struct_pack(${parts.join(', ')}) END`
}
