/**
 * What can go wrong with a lake, as its callers have to tell it apart. `store_away` may pass by
 * itself; the others will not until somebody acts.
 */
export type LakeFaultCode =
  | 'object_exists' // a put met an object of that name
  | 'object_missing' // nothing lies there
  | 'store_away' // the store did not answer, or answered that it cannot now
  | 'store_refused' // the store refuses us: credentials, permissions, a full disk
  | 'table_unreadable' // metadata, manifest or list is damaged or of a kind we do not know
  | 'table_incompatible' // readable, but not a table that we may append to
  | 'schema_refused' // columns that no table can have
  | 'unknown_snapshot'

/** Everything that this room throws on purpose (beside `RowRefused`); `cause` keeps the origin. */
export class LakeFault extends Error {
  override readonly name = 'LakeFault'
  readonly code: LakeFaultCode
  constructor(code: LakeFaultCode, detail: string, cause?: unknown) {
    super(detail, cause === undefined ? undefined : { cause })
    this.code = code
  }
}

/** Whether an error is a lake's fault with one of the codes. */
export function isLakeFault(error: unknown, ...codes: LakeFaultCode[]): error is LakeFault {
  return error instanceof LakeFault && (codes.length === 0 || codes.includes(error.code))
}
