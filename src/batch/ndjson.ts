import { skipSpace, trimEnd } from '../event/index.ts'
import { WIDEST, afterMark, tooLarge, type Found, type Row, type Splitter } from './place.ts'

/** One object a line; empty lines are counted and passed over. */
export const splitLines: Splitter = (window, from, last, most): Found => {
  const rows: Row[] = []
  let { line } = from
  let passing = from.passing === true
  let at = from.line === 0 ? afterMark(window) : 0
  while (at < window.length) {
    const newline = window.indexOf(0x0a, at)
    if (newline < 0 && !last) break
    const to = newline < 0 ? window.length : newline
    if (!passing) {
      line += 1
      const start = skipSpace(window, at, to)
      if (start < to) {
        const end = trimEnd(window, start, to)
        rows.push({ line, content: end - start > most ? tooLarge(most) : window.toString('latin1', start, end) })
      }
    }
    passing = false
    at = to + 1
  }
  if (!last && window.length - at > most + WIDEST) {
    if (!passing) rows.push({ line: (line += 1), content: tooLarge(most) })
    passing = true
    at = window.length
  }
  const { passing: _, ...rest } = from
  const place = { ...rest, line, rows: from.rows + rows.length, ...(passing ? { passing } : {}) }
  // A byte order mark alone is not used up: only the first one is none of the content.
  return { rows, used: line === 0 ? 0 : Math.min(at, window.length), place }
}
