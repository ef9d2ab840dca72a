/** Why a run of rows could not be converted; `line` is the row that is said to be at fault, 0-based in the run. */
export interface Failure {
  readonly detail: string
  readonly line: number | undefined
}

/** Rows tried at once where nothing points to a culprit: small enough that a failing try is cheap. */
const WIDEST = 8192

/**
 * Finds every row that cannot be converted, given a way to try runs of them. DuckDB fails a run as a
 * whole; its message often names a row, which is used as a hint only, because it is off for some errors. Walks from
 * left to right with a width that follows what it meets: one culprit among n rows costs three tries with a
 * good hint and 2·log2(n) without one; rows that are all bad cost one try each.
 */
export async function isolate(
  count: number,
  first: Failure,
  attempt: (from: number, to: number) => Promise<Failure | undefined>,
): Promise<{ line: number; detail: string }[]> {
  const refused: { line: number; detail: string }[] = []
  let at = 0
  let sound = 0 // rows that converted since the last culprit
  let width = narrowed(first, 0, count)
  while (at < count) {
    const end = Math.min(at + Math.max(1, width), count)
    const failure = await attempt(at, end)
    if (failure === undefined) {
      sound += end - at
      at = end
      width = Math.min(sound * 2, WIDEST)
    } else if (end - at === 1) {
      refused.push({ line: at, detail: failure.detail })
      at = end
      width = Math.min(sound * 2, WIDEST)
      sound = 0
    } else {
      width = narrowed(failure, at, end)
    }
  }
  return refused
}

/** The next width after a run failed: up to the row that is said to be at fault, or half. */
function narrowed({ line }: Failure, from: number, to: number): number {
  const count = to - from
  if (line !== undefined && line > 0 && line < count) return line
  return line === 0 ? 1 : Math.max(1, count >> 1)
}
