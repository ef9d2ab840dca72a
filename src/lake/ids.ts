import { LakeFault } from './faults.ts'
import type { DraftField, DraftType, Field, PrimitiveType, Schema, SourceField, Type } from './schema.ts'

interface Assigned {
  readonly schema: Schema
  readonly lastColumnId: number
  /** Where each column's value lies, by field id; in the order of the columns. */
  readonly fields: readonly SourceField[]
}

/**
 * Gives columns their field ids: all fields of a struct in order, then below each (the order in
 * which Iceberg's reference implementation assigns fresh ids). With a previous schema, a field that
 * has the same name at the same place keeps its id and everything else gets ids above `lastColumnId`,
 * so no id ever means two things (spec, "Schema Evolution").
 * Throws `LakeFault('schema_refused')` for columns that no table can have: empty or repeated names,
 * structs without fields, a type that a kept field cannot be promoted to.
 */
export function assignIds(
  columns: readonly DraftField[],
  previous?: { readonly schema: Schema; readonly lastColumnId: number },
): Assigned {
  let last = previous?.lastColumnId ?? 0
  const next = (): number => (last += 1)

  function struct(drafts: readonly DraftField[], before: readonly Field[], at: string) {
    if (drafts.length === 0) throw refused(`${at || 'the schema'} has no fields`)
    checkNames(drafts, at)
    const kept = new Map(before.map((field) => [field.name, field]))
    const numbered = drafts.map((draft) => ({ draft, id: kept.get(draft.name)?.id ?? next() }))
    const fields: Field[] = []
    const sources: SourceField[] = []
    for (const { draft, id } of numbered) {
      const old = kept.get(draft.name)
      const made = typed(draft.type, old?.type, at === '' ? draft.name : `${at}.${draft.name}`)
      const doc = draft.doc === undefined ? {} : { doc: draft.doc }
      fields.push({ id, name: draft.name, required: draft.required, type: made.type, ...doc })
      sources.push({ fieldId: id, key: draft.key ?? draft.name, ...made.source })
    }
    return { fields, sources }
  }

  function typed(draft: DraftType, old: Type | undefined, at: string): { type: Type; source: Partial<SourceField> } {
    if (draft === 'json') return { type: promoted('string', old, at), source: { json: true } }
    if (typeof draft === 'string') return { type: promoted(draft, old, at), source: {} }
    if ('struct' in draft) {
      const before = sameKind(old, 'struct', at)
      const made = struct(draft.struct, before?.fields ?? [], at)
      return { type: { type: 'struct', fields: made.fields }, source: { children: made.sources } }
    }
    if ('list' in draft) {
      const before = sameKind(old, 'list', at)
      const elementId = before?.['element-id'] ?? next()
      const made = typed(draft.list, before?.element, `${at}.element`)
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
    const before = sameKind(old, 'map', at)
    const keyId = before?.['key-id'] ?? next()
    const valueId = before?.['value-id'] ?? next()
    const made = typed(draft.map, before?.value, `${at}.value`)
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

  const made = struct(columns, previous?.schema.fields ?? [], '')
  const before = previous?.schema
  const same = before !== undefined && JSON.stringify(before.fields) === JSON.stringify(made.fields)
  const schemaId = before === undefined ? 0 : before['schema-id'] + (same ? 0 : 1)
  return {
    schema: { type: 'struct', 'schema-id': schemaId, fields: made.fields },
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

function sameKind<K extends 'struct' | 'list' | 'map'>(
  old: Type | undefined,
  kind: K,
  at: string,
): Extract<Type, { type: K }> | undefined {
  if (old === undefined) return undefined
  if (typeof old === 'object' && old.type === kind) return old as Extract<Type, { type: K }>
  throw refused(`${at} cannot become a ${kind}: it is ${typeof old === 'string' ? old : `a ${old.type}`}`)
}

/** The promotions that spec v2 allows ("Schema Evolution"). */
function promoted(type: PrimitiveType, old: Type | undefined, at: string): PrimitiveType {
  if (old === undefined || old === type) return type
  const pair = `${typeof old === 'string' ? old : old.type}>${type}`
  if (pair === 'int>long' || pair === 'float>double') return type
  const [from, to] = [typeof old === 'string' ? decimalOf(old) : undefined, decimalOf(type)]
  if (from && to && from.scale === to.scale && to.precision >= from.precision) return type
  throw refused(`${at} cannot become ${type}: it is ${typeof old === 'string' ? old : `a ${old.type}`}`)
}

/** Precision and scale of `decimal(p, s)`; undefined for other types. */
export function decimalOf(type: string): { readonly precision: number; readonly scale: number } | undefined {
  const found = /^decimal\((\d+), ?(\d+)\)$/.exec(type)
  return found ? { precision: Number(found[1]), scale: Number(found[2]) } : undefined
}

function refused(detail: string): LakeFault {
  return new LakeFault('schema_refused', detail)
}
