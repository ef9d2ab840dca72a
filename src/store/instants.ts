/** SQL that answers a timestamptz as RFC 3339 in UTC with microseconds: pg's own Date would cut them to millis. */
export const rfc3339 = (column: string): string =>
  `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
