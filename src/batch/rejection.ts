import type { Verdict } from '../collect/index.ts'
import type { Fault } from '../problems/index.ts'
import type { RefusedRow, RowEvent } from './events.ts'
import type { Rejection } from './record.ts'

/** Faults told of one row. */
const MOST_FAULTS = 5
const LONGEST = 160

/** What is told of a row that was not taken, in places and words of the row: collect judged the event that was made of it. */
export function rejectionOf(row: RowEvent | RefusedRow, verdict: Verdict | undefined): Rejection {
  if (!('text' in row))
    return {
      line: row.line,
      event_id: null,
      code: row.code,
      errors: [{ pointer: '', keyword: row.code, message: row.message }],
    }
  const errors = (verdict?.errors ?? []).slice(0, MOST_FAULTS).map((fault) => ofRow(fault, row))
  return { line: row.line, event_id: row.eventId, code: verdict?.code ?? 'invalid', errors }
}

function ofRow(fault: Fault, { text }: RowEvent): Fault {
  if (fault.keyword === 'json') return { ...fault, message: whyNoJson(text) ?? fault.message }
  if (fault.keyword === 'type' && fault.pointer === '/data') return { ...fault, pointer: '', message: NO_OBJECT }
  return { ...fault, pointer: fault.pointer.replace(/^\/data(?=\/|$)/, '') }
}

const NO_OBJECT = 'A row is an object: its members become the data of an event.'
const DATA = '"data":'

/** Said of the row's own text: a position in the event around it would mislead. */
function whyNoJson(text: string): string | undefined {
  const data = text.slice(text.indexOf(DATA) + DATA.length, text.lastIndexOf('}'))
  try {
    JSON.parse(Buffer.from(data, 'latin1').toString())
    return undefined
  } catch (error) {
    return `The row is not JSON: ${(error as Error).message.replace(/ \(line 1 column \d+\)$/, '').slice(0, LONGEST)}`
  }
}
