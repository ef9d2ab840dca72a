/** Which JSON value a text becomes: what the dataset's schema says of the member. */
type ValueKind = 'number' | 'boolean' | 'text' | 'instant' | 'json'

/** By member: the kinds that its schema takes. A member that the schema does not name is text. */
export type Kinds = ReadonlyMap<string, ReadonlySet<ValueKind>>

const BY_TYPE: Readonly<Record<string, ValueKind>> = {
  number: 'number',
  integer: 'number',
  boolean: 'boolean',
  string: 'text',
  array: 'json',
  object: 'json',
}

/** Whether a schema's `format` is that of an instant: an event's own `timestamp` has one of its own. */
export const isInstant = (format: unknown): boolean => format === 'date-time' || format === 'pulse-event-time'

/** The members at the top of a composed schema. */
export function kindsOf(composed: unknown): Kinds {
  const properties = (composed as { properties?: Record<string, unknown> } | null)?.properties ?? {}
  return new Map(Object.entries(properties).map(([name, property]) => [name, new Set(kindsIn(property))]))
}

function kindsIn(property: unknown): ValueKind[] {
  if (typeof property !== 'object' || property === null) return []
  const { type, format, anyOf, oneOf, allOf } = property as Readonly<Record<string, unknown>>
  const own = [type ?? []].flat().flatMap((one) => BY_TYPE[String(one)] ?? [])
  const within = [anyOf, oneOf, allOf].flatMap((list) => (Array.isArray(list) ? list.flatMap(kindsIn) : []))
  return [...(isInstant(format) ? own.map((kind) => (kind === 'text' ? 'instant' : kind)) : own), ...within]
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
const BOOLEAN = /^(?:true|false)$/i
const TEXT: ReadonlySet<ValueKind> = new Set(['text'])

/**
 * A cell as JSON text of the kind that its member takes; undefined where it is empty: the member is left out. A text that is of
 * no kind that fits stays a text, so that its row is refused with the schema's own words. Binary strings in and out.
 */
export function literalOf(cell: string, kinds: ReadonlySet<ValueKind> = TEXT): string | undefined {
  if (cell === '') return undefined
  if (kinds.has('number') && NUMBER.test(cell)) return cell
  if (kinds.has('boolean') && BOOLEAN.test(cell)) return cell.toLowerCase()
  // Where nothing else would do it is a list or an object, or refused: read once, where all events are.
  if (kinds.has('json') && (kinds.size === 1 ? isClosed(cell) : isOpened(cell) && isJson(cell))) return cell
  return JSON.stringify(kinds.has('instant') ? instantOf(cell) : cell)
}

const INSTANT = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d(?:[.,]\d+)?)?(Z|[+-]\d\d(?::?\d\d)?)?)?$/i

/** An instant as RFC 3339 has it, from the shorter forms that files have: a day is its beginning, a time without a zone is UTC. */
export function instantOf(text: string): string {
  const found = INSTANT.exec(text)
  if (found === null) return text
  const [, day = '', minute = '00:00', second = ':00', zone = 'Z'] = found
  return `${day}T${minute}${second.replace(',', '.')}${zoneOf(zone)}`
}

function zoneOf(zone: string): string {
  if (zone.length === 3) return `${zone}:00`
  return zone.length === 5 ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone.toUpperCase()
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const isOpened = (text: string): boolean => text[0] === '[' || text[0] === '{'

/**
 * Whether what the first bracket opens is closed by the last character and by none before it: such a text can be put into another
 * one and ends there, whatever it is.
 */
function isClosed(text: string): boolean {
  if (!isOpened(text)) return false
  const last = text.length - 1
  let depth = 0
  let isQuoted = false
  for (let at = 0; at <= last; at += 1) {
    const code = text.charCodeAt(at)
    if (isQuoted) {
      if (code === 0x5c) at += 1
      else if (code === 0x22) isQuoted = false
    } else if (code === 0x22) isQuoted = true
    else if (code === 0x7b || code === 0x5b) depth += 1
    else if ((code === 0x7d || code === 0x5d) && (depth -= 1) === 0) return at === last
  }
  return false
}
