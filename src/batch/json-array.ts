import { endOfValue, onOneLine, skipSpace } from '../event/index.ts'
import { Problem } from '../problems/index.ts'
import { WIDEST, afterMark, tooLarge, type Found, type Place, type Row, type Splitter } from './place.ts'

/** The elements of one array, however its text is laid out; a single object is an array of one. */
export const splitArray: Splitter = (window, from, last, most): Found => {
  const rows: Row[] = []
  let { array, line } = from
  let used = 0
  let at = skipSpace(window, array === undefined ? afterMark(window) : 0, window.length)
  const answer = (fault?: Problem): Found => ({ rows, used, place: placeOf(from, line, rows.length, array), fault })

  // A byte order mark may still come in parts.
  if (array === undefined && !last && window.length < 3) return answer()
  if (array === undefined && at < window.length) {
    if (window[at] === 0x7b) {
      const end = endOf(window, at, last)
      if (end === undefined) return answer(last || window.length <= most + WIDEST ? undefined : tooLong(line, most))
      rows.push(rowAt(window, at, end, (line += 1), most))
      array = 'closed'
      used = end
    } else if (window[at] === 0x5b) {
      array = 'open'
      used = at += 1
    } else
      return answer(
        malformed(0, 'The file is no JSON array of objects: send [{…}, {…}], or one object a line as NDJSON'),
      )
  }
  while (array === 'open') {
    at = skipSpace(window, at, window.length)
    // Before every element but the first stands a comma, before an end none need.
    if (line > 0 && window[at] === 0x2c) at = skipSpace(window, at + 1, window.length)
    else if (line > 0 && at < window.length && window[at] !== 0x5d)
      return answer(malformed(line, 'A comma is missing in the array'))
    if (at >= window.length) break
    if (window[at] === 0x5d) {
      array = 'closed'
      used = at + 1
      break
    }
    const end = endOf(window, at, false)
    if (end === undefined) break
    if (end < 0) return answer(malformed(line, 'An element of the array cannot be read'))
    rows.push(rowAt(window, at, end, (line += 1), most))
    used = at = end
  }
  if (array === 'closed') {
    if (skipSpace(window, used, window.length) < window.length)
      return answer(malformed(line, 'Something follows the end of the array'))
    used = window.length
  } else if (last && (array === 'open' || window.length > used)) return answer(malformed(line, 'The array has no end'))
  else if (!last && window.length - used > most + WIDEST) return answer(tooLong(line, most))
  return answer()
}

const tooLong = (line: number, most: number): Problem =>
  new Problem('too_large', `Element ${line + 1} of the array is larger than the ${most} bytes that an event may have.`)

const placeOf = (from: Place, line: number, rows: number, array: Place['array']): Place => ({
  ...from,
  line,
  rows: from.rows + rows,
  ...(array === undefined ? {} : { array }),
})

/** Where the value ends; undefined where its end may still come (one that touches the window's end may go on), -1 where none can. */
function endOf(window: Buffer, at: number, last: boolean): number | undefined {
  const end = endOfValue(window, at, window.length)
  return end < window.length || last ? end : undefined
}

function rowAt(window: Buffer, start: number, end: number, line: number, most: number): Row {
  if (end - start > most) return { line, content: tooLarge(most) }
  const text = window.toString('latin1', start, end)
  return {
    line,
    content: text.includes('\n') || text.includes('\r') ? onOneLine(window, start, end).toString('latin1') : text,
  }
}

const malformed = (line: number, what: string): Problem =>
  new Problem('malformed', `${what} (after element ${line}). What stood before it was taken.`)
