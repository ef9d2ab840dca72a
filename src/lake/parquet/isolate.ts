/** Why a run of rows could not be converted; `line` is the row that is said to be at fault, 0-based in the run. */
export interface Failure {
  readonly detail: string
  readonly line: number | undefined
}

/** Rows tried at once where nothing points to a culprit: small enough that a failing try is cheap. */
const WIDEST = 8192

/**
 * Finds every row that cannot be converted, given a way to try runs of them. DuckDB fails a run as a whole; its
 * message often names a row, which is used as a hint only, because it is off for some errors. Goes from left to right: within a
 * run that is known to fail it tries the rows before the hint and then the hinted one, or halves; beyond it the width follows
 * how many rows were sound lately. One culprit among n rows costs three tries with a good hint, about log2(n)
 * without one; rows that are all bad cost one try each.
 */
export async function isolate(
  count: number,
  first: Failure,
  attempt: (from: number, to: number) => Promise<Failure | undefined>,
): Promise<{ line: number; detail: string }[]> {
  const refused: { line: number; detail: string }[] = []
  let sound = 0 // rows that converted since the last culprit
  let failing: { readonly end: number; hint: number | undefined } | undefined = { end: count, hint: first.line }
  for (let at = 0; at < count;) {
    const end: number =
      failing && failing.end > at ? within(failing, at) : at + Math.max(1, Math.min(sound * 2, WIDEST))
    const to = Math.min(end, count)
    const failure = await attempt(at, to)
    if (failure === undefined) {
      sound += to - at
      if (failing?.hint === at) failing.hint = undefined // the hint was wrong
      at = to
    } else if (to - at === 1) {
      refused.push({ line: at, detail: failure.detail })
      failing = undefined
      sound = Math.floor(sound / 2)
      at = to
    } else {
      failing = { end: to, hint: failure.line === undefined ? undefined : at + failure.line }
    }
  }
  return refused
}

/** Where to end the next try inside a run that is known to fail. */
function within({ end, hint }: { readonly end: number; readonly hint: number | undefined }, at: number): number {
  if (hint !== undefined && hint >= at && hint < end) return Math.max(hint, at + 1)
  return at + Math.max(1, (end - at) >> 1)
}
