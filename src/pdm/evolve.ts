import {
  assignIds,
  promotes,
  typeText,
  type DraftField,
  type DraftType,
  type Field,
  type FormerNames,
  type SourceField,
  type Type,
} from '../lake/index.ts'
import { EACH } from './descriptors.ts'
import { below, nameOf } from './pointer.ts'

/** A member that has another name in the new version: places in an event's data, `*` for an array's items or a map's values. */
export interface Rename {
  readonly from: string
  readonly to: string
}

/** What a table has: its columns, and what is kept in them. */
interface Existing {
  readonly fields: readonly Field[]
  readonly lastColumnId: number
  /** Columns that hold JSON text. */
  readonly json: ReadonlySet<number>
  /** Columns that the version bound now fills. */
  readonly filled: ReadonlySet<number>
  /** By field id, what the version that is followed on calls a member; other columns go by their own names. */
  readonly members?: ReadonlyMap<number, string>
  readonly formerNames: FormerNames
}

/** A column as a change names it: its place in an event's data (RFC 6901, `*` for what a list or a map holds). */
interface ChangedColumn {
  readonly pointer: string
  readonly field_id: number
}
interface TypedColumn extends ChangedColumn {
  readonly type: string
}
interface MovedColumn extends ChangedColumn {
  readonly from: string
  readonly to: string
}
/** Why a version cannot be bound: what the table has at the place, and what it would have to be. */
interface BreakingChange {
  readonly pointer: string
  readonly reason: string
}

/** What becomes of a table's columns. */
interface ColumnChanges {
  readonly added: readonly TypedColumn[]
  /** A wider type that holds every value of the one before. */
  readonly widened: readonly MovedColumn[]
  readonly renamed: readonly MovedColumn[]
  /** Stay in the table and are filled no longer. */
  readonly dropped: readonly TypedColumn[]
  /** Required before, optional from now on. */
  readonly relaxed: readonly ChangedColumn[]
}

export interface Evolution {
  readonly changes: ColumnChanges
  /** Empty: the table can take it. */
  readonly breaking: readonly BreakingChange[]
  /** All columns of the table from then on; means nothing where something is breaking. */
  readonly fields: readonly Field[]
  readonly lastColumnId: number
  /** Where each column's value lies in an event of the new version. */
  readonly sources: readonly SourceField[]
  /** The columns stay as they are to the last letter. */
  readonly same: boolean
}

/** The column that tables are partitioned by. */
const PARTITION = '/timestamp'

/**
 * Decides what a table becomes when a new version is bound to it. Pure. A column is found by its place in the version that is
 * followed on, and keeps its id for ever; a new one is optional, because earlier rows have no value for it; one that the version
 * does not have stays, optional; a type only widens; a name is another where a rename says so, or where a version between has changed
 * it. What is not among these is breaking, all of it is told at once.
 */
export function evolveColumns(
  existing: Existing,
  columns: readonly DraftField[],
  renames: readonly Rename[] = [],
): Evolution {
  let last = existing.lastColumnId
  const added: TypedColumn[] = []
  const widened: MovedColumn[] = []
  const renamed: MovedColumn[] = []
  const dropped: TypedColumn[] = []
  const relaxed: ChangedColumn[] = []
  const breaking: BreakingChange[] = []
  const renameTo = new Map<string, Rename>()
  for (const rename of renames) {
    const other = renameTo.get(rename.to)
    if (other !== undefined && other.from !== rename.from) {
      breaking.push({ pointer: rename.to, reason: `two renames lead here, from ${other.from} and from ${rename.from}` })
    }
    if (rename.from !== rename.to) renameTo.set(rename.to, rename)
  }

  const calledOf = (field: Field): string => existing.members?.get(field.id) ?? field.name

  /**
   * Columns by the names that they are looked for by: what their members are called, where the new version has or renames such a
   * member, else their own. A member's name hides a column that only happens to have it.
   */
  function lookedFor(drafts: readonly DraftField[], before: readonly Field[], was: string): ReadonlyMap<string, Field> {
    const wanted = new Set([
      ...drafts.map(({ name }) => name),
      ...Array.from(renameTo.values(), ({ from }) => nameBelow(was, from)),
    ])
    const isMember = (field: Field): boolean => existing.members?.has(field.id) === true && wanted.has(calledOf(field))
    const own = before.filter((field) => !isMember(field)).map((field) => [field.name, field] as const)
    return new Map([...own, ...before.filter(isMember).map((field) => [calledOf(field), field] as const)])
  }

  /** A column for what the table has none for, optional at its top. */
  function add(draft: DraftField, pointer: string): { field: Field; source: SourceField } {
    const made = assignIds([{ ...draft, required: false }], last)
    last = made.lastColumnId
    const field = made.schema.fields[0] as Field
    added.push({ pointer, field_id: field.id, type: typeText(field.type) })
    return { field, source: made.fields[0] as SourceField }
  }

  /** The members of a struct, or the columns at the top: those there are in their order, then the new ones. */
  function members(drafts: readonly DraftField[], before: readonly Field[], was: string, at: string) {
    const oldOf = pair(drafts, lookedFor(drafts, before, was), was, at)
    const draftOf = new Map([...oldOf].map(([draft, old]) => [old, draft]))
    const sources: SourceField[] = []
    const kept = before.map((old) => {
      const draft = draftOf.get(old)
      const from = below(was, calledOf(old))
      if (draft === undefined) return drop(old, from)
      const to = below(at, draft.name)
      if (old.name !== draft.name) {
        renamed.push({ pointer: to, field_id: old.id, from: below(was, old.name), to })
        if (from === PARTITION) breaking.push({ pointer: to, reason: 'the table is partitioned by this column' })
        if (at !== '') requireFreshName(draft.name, old.id, before, to)
      }
      if (old.required && !draft.required) relaxed.push({ pointer: to, field_id: old.id })
      const made = typed(draft.type, old.type, old.id, from, to)
      const doc = draft.doc === undefined ? {} : { doc: draft.doc }
      const { id } = old
      sources.push({ fieldId: id, key: draft.key ?? draft.name, ...made.source })
      return { id, name: draft.name, required: old.required && draft.required, type: made.type, ...doc }
    })
    for (const draft of drafts) {
      if (oldOf.has(draft)) continue
      const pointer = below(at, draft.name)
      if (at !== '') requireFreshName(draft.name, undefined, before, pointer)
      const { field, source } = add(draft, pointer)
      kept.push(field)
      sources.push(source)
    }
    requireDistinct(kept, at)
    return { fields: kept, sources }
  }

  /** Which of the drafts is which column of before. */
  function pair(drafts: readonly DraftField[], byName: ReadonlyMap<string, Field>, was: string, at: string) {
    const oldOf = new Map<DraftField, Field>()
    const leaving = new Set<string>()
    const moved = new Map<DraftField, string>()
    for (const draft of drafts) {
      const rename = renameTo.get(below(at, draft.name))
      if (rename === undefined) continue
      renameTo.delete(rename.to)
      const named = nameBelow(was, rename.from)
      // Pulse's own columns are nobody's members.
      const name = at === '' && named?.startsWith('_') === true ? undefined : named
      // Done by an earlier version already: the column has its new name, and nothing has the old one.
      if (name !== undefined && !byName.has(name) && byName.has(draft.name)) continue
      if (name === undefined || !byName.has(name)) {
        const reason = `the rename names ${rename.from}, and the table has no such column beside it`
        breaking.push({ pointer: rename.to, reason })
        continue
      }
      if (leaving.has(name)) {
        breaking.push({ pointer: rename.to, reason: `${rename.from} is renamed to another place, too` })
        continue
      }
      leaving.add(name)
      moved.set(draft, name)
    }
    for (const draft of drafts) {
      const name = moved.get(draft)
      const old = byName.get(name ?? draft.name)
      if (old === undefined || (name === undefined && leaving.has(draft.name))) continue
      const there = byName.get(draft.name)
      if (name !== undefined && there !== undefined && !leaving.has(draft.name)) {
        const reason = `the table has a column of this name, so ${below(was, name)} cannot take it`
        breaking.push({ pointer: below(at, draft.name), reason })
      }
      oldOf.set(draft, old)
    }
    return oldOf
  }

  function drop(old: Field, pointer: string): Field {
    if (existing.filled.has(old.id)) dropped.push({ pointer, field_id: old.id, type: typeText(old.type) })
    return { ...old, required: false }
  }

  /** Names inside structs are for ever: readers that go by name there would mix two members of one name. */
  function requireFreshName(name: string, id: number | undefined, before: readonly Field[], pointer: string): void {
    const fold = name.toLowerCase()
    const other = before.find(
      (field) =>
        field.id !== id &&
        [field.name, ...(existing.formerNames.get(field.id) ?? [])].some((one) => one.toLowerCase() === fold),
    )
    if (other === undefined) return
    const reason = `the name is, or was, another member's here (now "${other.name}"): choose one that was never used`
    breaking.push({ pointer, reason })
  }

  function requireDistinct(fields: readonly Field[], at: string): void {
    const byFold = new Map<string, Field>()
    for (const field of fields) {
      const other = byFold.get(field.name.toLowerCase())
      if (other === undefined) {
        byFold.set(field.name.toLowerCase(), field)
        continue
      }
      const reason = `the table keeps a column "${other.name}", and engines that read it do not tell the two apart`
      breaking.push({ pointer: below(at, field.name), reason })
    }
  }

  function typed(
    draft: DraftType,
    old: Type,
    id: number,
    was: string,
    at: string,
  ): { type: Type; source: Partial<SourceField> } {
    const refuse = (to: string) => {
      const from = existing.json.has(id) ? 'JSON text' : typeText(old)
      const kept = existing.filled.has(id) ? '' : ', kept from an earlier version,'
      breaking.push({ pointer: at, reason: `the column${kept} holds ${from}, which cannot become ${to}` })
      return { type: old, source: {} }
    }
    if (draft === 'json') return existing.json.has(id) ? { type: old, source: { json: true } } : refuse('JSON text')
    if (existing.json.has(id)) return refuse(typeof draft === 'string' ? draft : kindOf(draft))
    if (typeof draft === 'string') {
      if (typeof old !== 'string' || !promotes(old, draft)) return refuse(draft)
      if (old !== draft) widened.push({ pointer: at, field_id: id, from: old, to: draft })
      return { type: draft, source: {} }
    }
    if ('struct' in draft) {
      if (typeof old === 'string' || old.type !== 'struct') return refuse('a struct')
      const made = members(draft.struct, old.fields, was, at)
      return { type: { type: 'struct', fields: made.fields }, source: { children: made.sources } }
    }
    if ('list' in draft) {
      if (typeof old === 'string' || old.type !== 'list') return refuse('a list')
      const inside = draft.elementRequired ?? false
      const element = old['element-id']
      const made = typed(draft.list, old.element, element, below(was, EACH), below(at, EACH))
      if (old['element-required'] && !inside) relaxed.push({ pointer: below(at, EACH), field_id: element })
      return {
        type: { ...old, element: made.type, 'element-required': old['element-required'] && inside },
        source: { children: [{ fieldId: element, key: 'element', ...made.source }] },
      }
    }
    if (typeof old === 'string' || old.type !== 'map') return refuse('a map')
    const inside = draft.valueRequired ?? false
    const value = old['value-id']
    const made = typed(draft.map, old.value, value, below(was, EACH), below(at, EACH))
    if (old['value-required'] && !inside) relaxed.push({ pointer: below(at, EACH), field_id: value })
    return {
      type: { ...old, value: made.type, 'value-required': old['value-required'] && inside },
      source: { children: [{ fieldId: value, key: 'value', ...made.source }] },
    }
  }

  const made = members(columns, existing.fields, '', '')
  for (const { from, to } of renameTo.values()) {
    breaking.push({ pointer: to, reason: `the rename from ${from} names a place that this version does not have` })
  }
  return {
    changes: { added, widened, renamed, dropped, relaxed },
    breaking,
    fields: made.fields,
    lastColumnId: last,
    sources: made.sources,
    same: JSON.stringify(made.fields) === JSON.stringify(existing.fields),
  }
}

/** The name that a pointer ends with, where it lies right below `parent`. */
function nameBelow(parent: string, pointer: string): string | undefined {
  const name = pointer.slice(parent.length + 1)
  if (!pointer.startsWith(`${parent}/`) || name.includes('/')) return undefined
  return nameOf(name)
}

const kindOf = (draft: Exclude<DraftType, string>): string =>
  'struct' in draft ? 'a struct' : 'list' in draft ? 'a list' : 'a map'

/** By what an event's columns are kept: which hold JSON text, and all that are filled. */
export function contentsOf(sources: readonly SourceField[]): {
  readonly json: Set<number>
  readonly filled: Set<number>
} {
  const json = new Set<number>()
  const filled = new Set<number>()
  for (const source of eachSource(sources)) {
    filled.add(source.fieldId)
    if (source.json) json.add(source.fieldId)
  }
  return { json, filled }
}

/** By field id, what a version calls the members that its columns are filled from. */
export const membersOf = (sources: readonly SourceField[]): Map<number, string> =>
  new Map(Array.from(eachSource(sources), ({ fieldId, key }) => [fieldId, key]))

function* eachSource(sources: readonly SourceField[]): Generator<SourceField> {
  for (const source of sources) {
    yield source
    if (source.children !== undefined) yield* eachSource(source.children)
  }
}
