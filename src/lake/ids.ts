import { LakeFault } from './faults.ts'
import type { DraftField, DraftType, Field, PrimitiveType, Schema, SourceField, Type } from './schema.ts'

interface Assigned {
  readonly schema: Schema
  readonly lastColumnId: number
  /** Where each column's value lies, by field id; in the order of the columns. */
  readonly fields: readonly SourceField[]
}

/**
 * Gives columns their field ids, above `lastColumnId`: all fields of a struct in order, then below each (the order in
 * which Iceberg's reference implementation assigns fresh ids). What a table that has columns already becomes is
 * `evolveColumns`' decision (src/pdm).
 * Throws `LakeFault('schema_refused')` for columns that no table can have: empty or repeated names, structs without fields.
 */
export function assignIds(columns: readonly DraftField[], lastColumnId = 0): Assigned {
  let last = lastColumnId
  const next = (): number => (last += 1)

  function struct(drafts: readonly DraftField[], at: string) {
    if (drafts.length === 0) throw refused(`${at || 'the schema'} has no fields`)
    checkNames(drafts, at)
    const numbered = drafts.map((draft) => ({ draft, id: next() }))
    const fields: Field[] = []
    const sources: SourceField[] = []
    for (const { draft, id } of numbered) {
      const made = typed(draft.type, at === '' ? draft.name : `${at}.${draft.name}`)
      const doc = draft.doc === undefined ? {} : { doc: draft.doc }
      fields.push({ id, name: draft.name, required: draft.required, type: made.type, ...doc })
      sources.push({ fieldId: id, key: draft.key ?? draft.name, ...made.source })
    }
    return { fields, sources }
  }

  function typed(draft: DraftType, at: string): { type: Type; source: Partial<SourceField> } {
    if (draft === 'json') return { type: 'string', source: { json: true } }
    if (typeof draft === 'string') return { type: draft, source: {} }
    if ('struct' in draft) {
      const made = struct(draft.struct, at)
      return { type: { type: 'struct', fields: made.fields }, source: { children: made.sources } }
    }
    if ('list' in draft) {
      const elementId = next()
      const made = typed(draft.list, `${at}.element`)
      return {
        type: {
          type: 'list',
          'element-id': elementId,
          element: made.type,
          'element-required': draft.elementRequired ?? false,
        },
        source: { children: [{ fieldId: elementId, key: 'element', ...made.source }] },
      }
    }
    const keyId = next()
    const valueId = next()
    const made = typed(draft.map, `${at}.value`)
    return {
      type: {
        type: 'map',
        'key-id': keyId,
        key: 'string',
        'value-id': valueId,
        value: made.type,
        'value-required': draft.valueRequired ?? false,
      },
      source: { children: [{ fieldId: valueId, key: 'value', ...made.source }] },
    }
  }

  const made = struct(columns, '')
  return {
    schema: { type: 'struct', 'schema-id': 0, fields: made.fields },
    lastColumnId: last,
    fields: made.sources,
  }
}

/** All fields of a schema by id, with lists' elements and maps' keys and values, and the names on the way. */
export function fieldsById(
  schema: Pick<Schema, 'fields'>,
): Map<number, { readonly type: Type; readonly repeated: boolean }> {
  const found = new Map<number, { type: Type; repeated: boolean }>()
  function walk(id: number, type: Type, repeated: boolean): void {
    found.set(id, { type, repeated })
    if (typeof type === 'string') return
    if (type.type === 'struct') for (const field of type.fields) walk(field.id, field.type, repeated)
    else if (type.type === 'list') walk(type['element-id'], type.element, true)
    else {
      walk(type['key-id'], type.key, true)
      walk(type['value-id'], type.value, true)
    }
  }
  for (const field of schema.fields) walk(field.id, field.type, false)
  return found
}

function checkNames(drafts: readonly DraftField[], at: string): void {
  const seen = new Set<string>()
  for (const { name } of drafts) {
    const where = at === '' ? '' : ` in ${at}`
    if (name === '' || name.includes('\0')) throw refused(`a column${where} has an empty name or a NUL in it`)
    // DuckDB and most engines compare names without case, so two such columns cannot both be read.
    const folded = name.toLowerCase()
    if (seen.has(folded))
      throw refused(`the column name "${name}"${where} occurs twice (names differ by more than case)`)
    seen.add(folded)
  }
}

/** Whether every value of the one type is one of the other as it is: the promotions of spec v2 ("Schema Evolution"), and no change. */
export function promotes(from: PrimitiveType, to: PrimitiveType): boolean {
  if (from === to || (from === 'int' && to === 'long') || (from === 'float' && to === 'double')) return true
  const [old, wider] = [decimalOf(from), decimalOf(to)]
  return old !== undefined && wider !== undefined && old.scale === wider.scale && wider.precision >= old.precision
}

/** Precision and scale of `decimal(p, s)`; undefined for other types. */
export function decimalOf(type: string): { readonly precision: number; readonly scale: number } | undefined {
  const found = /^decimal\((\d+), ?(\d+)\)$/.exec(type)
  return found ? { precision: Number(found[1]), scale: Number(found[2]) } : undefined
}

function refused(detail: string): LakeFault {
  return new LakeFault('schema_refused', detail)
}
