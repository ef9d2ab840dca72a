/**
 * A row of a Parquet file as an event has it: members of objects that are null left out, at every depth, and what JSON has no
 * number for as text. Takes compact JSON, as DuckDB writes it.
 */
export function asEventHasIt(text: string): string {
  const isOdd = text.includes('NaN') || text.includes('Infinity')
  if (!isOdd && !text.includes('":null')) return text
  let out = ''
  /** What was said of the text, and where the text after the last string begins. */
  let said = 0
  for (let at = 0; ;) {
    const quote = text.indexOf('"', at)
    const gap = quote < 0 ? text.length : quote
    if (isOdd && gap > at) {
      const between = text.slice(at, gap)
      if (NO_NUMBER.test(between)) {
        out += text.slice(said, at) + between.replaceAll(NO_NUMBERS, '"$&"')
        said = gap
      }
    }
    if (quote < 0) return out + text.slice(said)
    at = endOfText(text, quote)
    if (!text.startsWith(':null', at)) continue
    out += text.slice(said, quote)
    at += ':null'.length
    // The comma goes with it: the one behind, or, where it was the last, the one before.
    if (text[at] === ',') at += 1
    else if (out.endsWith(',')) out = out.slice(0, -1)
    said = at
  }
}

const NO_NUMBER = /NaN|Infinity/
const NO_NUMBERS = /-?(?:NaN|Infinity)/g

/** Just after the string that begins at `quote`. */
function endOfText(text: string, quote: number): number {
  for (let at = quote + 1; ;) {
    const end = text.indexOf('"', at)
    if (end < 0) return text.length
    let before = end
    while (text[before - 1] === '\\') before -= 1
    if ((end - before) % 2 === 0) return end + 1
    at = end + 1
  }
}
