import type { DraftField, DraftType } from '../lake/index.ts'
import { EACH } from './descriptors.ts'
import { below } from './pointer.ts'

/** What descriptors say of the places in a schema's events, by pointer. */
export interface Notes {
  readonly labels: ReadonlyMap<string, readonly string[]>
  readonly names: ReadonlyMap<string, string>
}

/** Nothing is said of anything. */
export const NO_NOTES: Notes = { labels: new Map(), names: new Map() }

/** What is said of one column: of its own place, and of what lies in it where nothing below is a column. */
interface ColumnNotes {
  readonly name: string | undefined
  readonly labels: readonly string[]
}

/** What is said of a place and, with `within`, of all that lies below it. */
function notesAt({ labels, names }: Notes, pointer: string, within: boolean): ColumnNotes {
  const found = new Set<string>()
  for (const [at, some] of labels) {
    if (at === pointer || (within && at.startsWith(`${pointer}/`))) for (const label of some) found.add(label)
  }
  return { name: names.get(pointer), labels: [...found].sort() }
}

/**
 * Columns whose docs say what the descriptors say, so that other engines read it: the friendly name, the description, the
 * labels. What is said of a list's items, or of a place within JSON text, stands at the column that holds it.
 */
export function describe(columns: readonly DraftField[], notes: Notes): DraftField[] {
  return notes.labels.size === 0 && notes.names.size === 0 ? [...columns] : describeBelow(columns, '', notes)
}

function describeBelow(columns: readonly DraftField[], pointer: string, notes: Notes): DraftField[] {
  return columns.map(({ doc: description, ...column }) => {
    const at = below(pointer, column.key ?? column.name)
    const doc = docOf(description, saidOf(column.type, at, notes))
    return { ...column, type: typeBelow(column.type, at, notes), ...(doc === undefined ? {} : { doc }) }
  })
}

/** What is said of all places that a column alone stands for: its own, its items', and whatever lies in one that has no columns below. */
function saidOf(type: DraftType, at: string, notes: Notes): ColumnNotes {
  if (typeof type === 'string') return notesAt(notes, at, true)
  const own = notesAt(notes, at, false)
  if ('struct' in type) return own
  const { labels } = saidOf('list' in type ? type.list : type.map, below(at, EACH), notes)
  return { ...own, labels: [...new Set([...own.labels, ...labels])].sort() }
}

function typeBelow(type: DraftType, at: string, notes: Notes): DraftType {
  if (typeof type === 'string') return type
  if ('struct' in type) return { struct: describeBelow(type.struct, at, notes) }
  if ('list' in type) return { ...type, list: typeBelow(type.list, below(at, EACH), notes) }
  return { ...type, map: typeBelow(type.map, below(at, EACH), notes) }
}

/** `Visitor: who looked [labels: pii]`; undefined where nothing is said. */
function docOf(description: string | undefined, { name, labels }: ColumnNotes): string | undefined {
  const text = [name, description].filter((one) => one !== undefined).join(': ')
  const said = labels.length === 0 ? text : `${text} [labels: ${labels.join(', ')}]`.trimStart()
  return said === '' ? undefined : said
}
