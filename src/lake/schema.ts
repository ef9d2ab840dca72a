/** Iceberg v2 schemas (spec, "Schemas and Data Types"), as they stand in metadata JSON, and drafts without ids. */

export type PrimitiveType =
  | 'boolean'
  | 'int'
  | 'long'
  | 'float'
  | 'double'
  | 'date'
  | 'time'
  | 'timestamptz'
  | 'string'
  | 'uuid'
  | `decimal(${number}, ${number})`

export interface StructType {
  readonly type: 'struct'
  readonly fields: readonly Field[]
}
export interface ListType {
  readonly type: 'list'
  readonly 'element-id': number
  readonly element: Type
  readonly 'element-required': boolean
}
interface MapType {
  readonly type: 'map'
  readonly 'key-id': number
  readonly key: 'string'
  readonly 'value-id': number
  readonly value: Type
  readonly 'value-required': boolean
}
export type Type = PrimitiveType | StructType | ListType | MapType

export interface Field {
  readonly id: number
  readonly name: string
  readonly required: boolean
  readonly type: Type
  readonly doc?: string
}
export interface Schema {
  readonly type: 'struct'
  readonly 'schema-id': number
  readonly fields: readonly Field[]
}

/** A column before it has an id. `json` becomes an Iceberg string that holds the value's JSON text. */
export type DraftType =
  | PrimitiveType
  | 'json'
  | { readonly struct: readonly DraftField[] }
  | { readonly list: DraftType; readonly elementRequired?: boolean }
  | { readonly map: DraftType; readonly valueRequired?: boolean }
export interface DraftField {
  readonly name: string
  /** The JSON member that the value is read from; the name where absent. */
  readonly key?: string
  readonly required: boolean
  readonly type: DraftType
  readonly doc?: string
}

/** Where a column's value lies in a JSON line, by field id: stays true when columns are renamed. */
export interface SourceField {
  readonly fieldId: number
  readonly key: string
  /** The value is kept as its JSON text. */
  readonly json?: true
  /** A struct's members; a list's element or a map's value as the only child. */
  readonly children?: readonly SourceField[]
}

/**
 * How the lines given to the data file writer are built: some columns at the top of the line, the
 * rest below a path. `{"_event_id":"…","e":{"data":{"a":1}}}` has envelope `_event_id`, under
 * `['e','data']`, fields `a`.
 */
export interface LineShape {
  readonly envelope: readonly SourceField[]
  readonly under: readonly string[]
  readonly fields: readonly SourceField[]
}
