/** One measured figure beside its target and its ceiling, printed as a row. */
export interface Figure {
  readonly what: string
  readonly measured: string
  readonly target?: string
  readonly ceiling?: string
  readonly note?: string
}

const COLUMNS = ['what', 'measured', 'target', 'ceiling', 'note'] as const

export function table(figures: readonly Figure[]): string {
  const rows = [Object.fromEntries(COLUMNS.map((name) => [name, name])) as unknown as Figure, ...figures]
  const widths = COLUMNS.map((name) => Math.max(...rows.map((row) => (row[name] ?? '').length)))
  return rows
    .map((row) =>
      COLUMNS.map((name, at) => (row[name] ?? '').padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

export const rate = (perSecond: number): string => `${Math.round(perSecond).toLocaleString('en')}/s`
export const us = (value: number | undefined): string => `${(value ?? 0).toFixed(1)} µs`
export const ms = (value: number): string => `${value.toFixed(1)} ms`
export const mib = (value: number): string => `${Math.round(value)} MiB`
