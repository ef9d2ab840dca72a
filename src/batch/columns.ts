import { Problem, type Fault } from '../problems/index.ts'
import type { Mapping } from './mapping.ts'

const MOST_NAMED = 20

/**
 * Holds a mapping to the columns that a file names: a column that it does not have would be missing in every row without a word.
 * Throws `invalid_parameter`, and `malformed` where a name is no text.
 */
export function checkColumns(names: readonly string[], { map, eventId }: Mapping): void {
  const broken = names.findIndex((name) => name.includes('\ufffd'))
  if (broken >= 0)
    throw new Problem(
      'malformed',
      `The name of column ${broken + 1} is not valid UTF-8: save the file as UTF-8 (not UTF-16, not Latin-1) and send it again.`,
    )
  const known = new Set(names)
  const faults: Fault[] = []
  const missing = (pointer: string, keyword: string, column: string): void =>
    void faults.push({
      pointer,
      keyword,
      message: `names no column of the file: ${JSON.stringify(column.slice(0, 80))}`,
    })
  for (const [at, [column, member]] of [...map].entries()) {
    if (!known.has(column)) missing(`/map/${at}`, 'map', column)
    else if (known.has(member) && !map.has(member))
      faults.push({
        pointer: `/map/${at}`,
        keyword: 'map',
        message: `makes a member that is a column already: ${JSON.stringify(member.slice(0, 80))}`,
      })
  }
  if (eventId !== undefined && !known.has(eventId)) missing('/event_id', 'event_id', eventId)
  const [first] = faults
  if (first === undefined) return
  const listed = names.slice(0, MOST_NAMED).map((name) => JSON.stringify(name.slice(0, 80)))
  const more = names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more` : ''
  throw new Problem('invalid_parameter', `${first.pointer} ${first.message}. It has ${listed.join(', ')}${more}.`, {
    errors: faults,
  })
}
