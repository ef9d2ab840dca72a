import { Problem } from '../problems/index.ts'
import { csvSplitter } from './csv.ts'
import type { Format } from './format.ts'
import { splitArray } from './json-array.ts'
import { readMapping, type Mapping, type MappingGiven } from './mapping.ts'
import { splitLines } from './ndjson.ts'
import type { Splitter } from './place.ts'

/** The parameters of an upload, as they come. */
export interface ReadingGiven extends MappingGiven {
  readonly delimiter?: string | readonly string[] | undefined
}

/** How a file is read. */
interface Reading {
  readonly format: Format
  readonly mapping: Mapping
  readonly split: Splitter
  /** The same for the same parameters: by it an upload is known again. */
  readonly text: string
}

/** Throws `invalid_parameter`. */
export function readingOf(format: Format, given: ReadingGiven): Reading {
  const mapping = readMapping(given)
  const delimiter = given.delimiter ?? ','
  if (typeof delimiter !== 'string' || !/^[,;|\t]$/.test(delimiter))
    throw new Problem('invalid_parameter', 'The delimiter of a CSV file is one of , ; | and the tab.', {
      errors: [{ pointer: '/delimiter', keyword: 'delimiter', message: 'must be one of , ; | and the tab' }],
    })
  const { map, set, eventId } = mapping
  return {
    format,
    mapping,
    split: format === 'csv' ? csvSplitter(delimiter.charCodeAt(0)) : format === 'json' ? splitArray : splitLines,
    text: JSON.stringify({ map: [...map], set: [...set], event_id: eventId ?? null, delimiter }),
  }
}
