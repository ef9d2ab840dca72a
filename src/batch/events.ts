import { hash } from 'node:crypto'
import { canonicalUuid, isUuid, objectMembers } from '../event/index.ts'
import type { Kinds } from './kinds.ts'
import { instantOf, literalOf } from './kinds.ts'
import type { Mapping } from './mapping.ts'
import { isCells, type Row, type Unreadable } from './place.ts'

/** A row as an event on its way: `text` is its envelope, one line, a binary string. */
export interface RowEvent {
  readonly line: number
  readonly eventId: string
  readonly text: string
}

/** A row of which no event can be made. */
export interface RefusedRow extends Unreadable {
  readonly line: number
}

interface Making {
  /** The dataset's id and slug. */
  readonly dataset: { readonly id: string; readonly slug: string }
  readonly mapping: Mapping
  readonly kinds: Kinds
  /** Of a CSV file. */
  readonly names?: readonly string[] | undefined
}

const binary = (text: string): string => Buffer.from(text).toString('latin1')

/**
 * Makes events of rows. An id that a row does not bring derives from the dataset, the row's line and what became of its content
 * (SHA-256, as UUIDv8), so that the same file under the same mapping is the same events, whoever sends it how often.
 */
export function eventMaker({ dataset, mapping, kinds, names }: Making): (row: Row) => RowEvent | RefusedRow {
  const head = `{"dataset":${JSON.stringify(dataset.slug)},"event_id":"`
  const constants = [...mapping.set].flatMap(([member, text]) => {
    const literal = literalOf(binary(text), kinds.get(member)) ?? '""'
    return `${binary(JSON.stringify(member))}:${literal}`
  })
  const ofCells = names === undefined ? undefined : cellsReader(names, constants, mapping, kinds)
  const isPlain = mapping.map.size === 0 && mapping.set.size === 0 && mapping.eventId === undefined

  return ({ line, content }) => {
    if (typeof content !== 'string' && !isCells(content)) return { line, ...content }
    const place = `${dataset.id}/${line}/`
    const { keyed, id } =
      typeof content !== 'string'
        ? (ofCells?.(place, content) ?? { keyed: place, id: undefined })
        : isPlain
          ? { keyed: place + content, id: undefined }
          : mapped(place, content, constants, mapping, kinds)
    if (mapping.eventId !== undefined && !isUuid(id))
      return {
        line,
        code: 'malformed',
        message: `Its ${JSON.stringify(mapping.eventId.slice(0, 80))} is no UUID in the form 8-4-4-4-12 hexadecimal digits.`,
      }
    const eventId = isUuid(id) ? canonicalUuid(id) : idOf(keyed)
    const data = keyed.slice(place.length)
    return { line, eventId, text: `${head}${eventId}","data":${data}}\n` }
  }
}

/** UUIDv8 (RFC 9562, 5.8) of the first half of a SHA-256. As text all the way: two buffers a row are more than its digits. */
function idOf(keyed: string): string {
  const hex = hash('sha256', keyed, 'hex')
  const variant = '89ab'[Number.parseInt(hex[16] as string, 16) & 3] as string
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

interface ReadRow {
  /** The row's data behind its place: what its id derives from. */
  readonly keyed: string
  readonly id: string | undefined
}

/** The members of a CSV record, those that are empty left out. */
function cellsReader(
  names: readonly string[],
  constants: readonly string[],
  { map, set, eventId }: Mapping,
  kinds: Kinds,
): (place: string, cells: readonly string[]) => ReadRow {
  const columns = names.map((name) => {
    const member = map.get(name) ?? name
    return {
      isId: name === eventId,
      isSet: set.has(member),
      head: `${binary(JSON.stringify(member))}:`,
      kinds: kinds.get(member),
    }
  })
  const fixed = constants.join(',')
  return (place, cells) => {
    // Joined in the end, not added up: a rope of thirty pieces is copied piece by piece by each collection until its row is sent.
    const parts = [place, '{', fixed]
    let comma = fixed === '' ? '' : ','
    let id: string | undefined
    for (let at = 0; at < cells.length; at++) {
      const column = columns[at]
      const cell = cells[at] as string
      if (column === undefined || column.isSet) continue
      if (column.isId) id = cell
      else {
        const literal = literalOf(cell, column.kinds)
        if (literal === undefined) continue
        parts.push(comma, column.head, literal)
        comma = ','
      }
    }
    parts.push('}')
    return { keyed: parts.join(''), id }
  }
}

/** An object with its members renamed and constants added; their values as they were written, but for instants of mapped members. */
function mapped(
  place: string,
  text: string,
  constants: readonly string[],
  { map, set, eventId }: Mapping,
  kinds: Kinds,
): ReadRow {
  const bytes = Buffer.from(text, 'latin1')
  const object = objectMembers(bytes, 0, bytes.length)
  // What is no object is refused where events are read.
  if (object === undefined || object.end !== bytes.length) return { keyed: place + text, id: undefined }
  let id: string | undefined
  const members = [...constants]
  for (const { key, start, end } of object.members) {
    const value = text.slice(start, end)
    if (key === eventId) {
      id = value.slice(1, -1)
      continue
    }
    const target = map.get(key)
    const member = target ?? key
    if (set.has(member)) continue
    const isInstant = target !== undefined && value[0] === '"' && kinds.get(target)?.has('instant') === true
    members.push(`${binary(JSON.stringify(member))}:${isInstant ? `"${instantOf(value.slice(1, -1))}"` : value}`)
  }
  return { keyed: `${place}{${members.join(',')}}`, id }
}
