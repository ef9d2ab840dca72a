/** Rows as an aligned table, long values cut to `width` characters. */
export function table(columns: readonly string[], rows: readonly (readonly unknown[])[], width = 44): string {
  const cells = [columns, ...rows].map((row) => columns.map((_, at) => cut(cell(row[at]), width)))
  const widths = columns.map((_, at) => Math.max(...cells.map((row) => row[at]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    `  ${row
      .map((value, at) => value.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd()}`
  const [head = [], ...body] = cells
  return [line(head), `  ${widths.map((size) => '─'.repeat(size)).join('  ')}`, ...body.map(line)].join('\n')
}

/** `12 ms`, `1.2 s`. */
export function took(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function cut(value: string, width: number): string {
  return value.length > width ? `${value.slice(0, width - 1)}…` : value
}
