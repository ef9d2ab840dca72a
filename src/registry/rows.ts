/** SQL that answers a timestamptz as RFC 3339 in UTC with microseconds: pg's own Date would cut them to millis. */
export const rfc3339 = (column: string): string =>
  `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`

interface PgFault {
  readonly code?: string
  readonly constraint?: string
}

/** The constraint that a unique violation names ('' where it names none), or undefined for any other error. */
export function uniqueViolation(error: unknown): string | undefined {
  const fault = error as PgFault | null
  if (fault === null || typeof fault !== 'object' || fault.code !== '23505') return undefined
  return fault.constraint ?? ''
}
