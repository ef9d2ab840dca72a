import { pointerOf } from '../event/index.ts'
import type { Field, SourceField, Type } from '../lake/index.ts'
import { columnsOf, composedFrom, NO_NOTES, type Notes, type Origins } from '../pdm/index.ts'
import { Problem, type Fault } from '../problems/index.ts'
import type { Store } from '../store/index.ts'
import { loadNotes } from './descriptors.ts'
import type { Entity } from './kinds.ts'
import { columnsFor } from './shape.ts'

/** A column of a table that is made for the schema; those within another follow it. */
interface SchemaColumn {
  /** The Iceberg field id in a new table. A dataset that has lived through several versions has ids of its own. */
  readonly id: number
  /** `place.city`, `tags.element`, `counts.key`, `counts.value`. */
  readonly path: string
  /** The place in an event's data; null for Pulse's own columns. */
  readonly pointer: string | null
  readonly type: string
  readonly required: boolean
  /** The value is kept as JSON text. */
  readonly json?: true
  readonly doc?: string
  readonly friendly_name?: string
  readonly labels?: readonly string[]
  /** Who says what it is, in the order of composition; empty for Pulse's own columns. */
  readonly from: Origins['parts']
}

/** What a schema means for a table; null while it composes to nothing, or to what no table can hold (`warnings` say why). */
export interface SchemaFacts {
  readonly columns: readonly SchemaColumn[] | null
  readonly warnings: readonly Fault[]
}

/** Reads what descriptors say of a schema and describes its columns. */
export async function schemaFacts(store: Store, tenantId: string, schema: Entity): Promise<SchemaFacts> {
  if (schema.composed === null) return { columns: null, warnings: [] }
  const notes = await store.asTenant(tenantId, (sql) => loadNotes(sql, schema.uri), { name: 'entity' })
  return factsOf(schema, schema.composed, notes)
}

function factsOf(schema: Pick<Entity, 'uri' | 'origins'>, composedText: string, notes: Notes = NO_NOTES): SchemaFacts {
  const composed = composedFrom(composedText)
  try {
    const { warnings } = columnsOf(composed)
    const { fields, sources } = columnsFor(composed, notes)
    const origins = schema.origins === null ? null : (JSON.parse(schema.origins) as Origins | null)
    return { columns: listColumns(fields, sources, { uri: schema.uri, origins, notes }), warnings }
  } catch (error) {
    // A draft may name what no column can be called; publishing refuses it with the same words.
    if (!(error instanceof Problem) || error.errors === undefined) throw error
    return { columns: null, warnings: error.errors }
  }
}

interface About {
  readonly uri: string
  readonly origins: Origins | null
  readonly notes: Notes
}

function listColumns(fields: readonly Field[], sources: readonly SourceField[], about: About): SchemaColumn[] {
  const columns: SchemaColumn[] = []
  const from = (pointer: string | null): Origins['parts'] =>
    (pointer === null ? [] : (about.origins?.places[pointer] ?? [])).map((at) => {
      const part = about.origins?.parts[at] as Origins['parts'][number]
      return part.kind === 'schema' ? { ...part, uri: about.uri } : part
    })

  function add(
    one: Pick<Field, 'id' | 'type' | 'required' | 'doc'>,
    path: string,
    pointer: string | null,
    source: SourceField | undefined,
  ): void {
    const { id, type, required, doc } = one
    const labels = pointer === null ? undefined : about.notes.labels.get(pointer)
    const name = pointer === null ? undefined : about.notes.names.get(pointer)
    columns.push({
      id,
      path,
      pointer,
      type: typeof type === 'string' ? type : type.type,
      required,
      ...(source?.json === true ? { json: true as const } : {}),
      ...(doc === undefined ? {} : { doc }),
      ...(name === undefined ? {} : { friendly_name: name }),
      ...(labels === undefined ? {} : { labels }),
      from: from(pointer),
    })
    if (typeof type !== 'string') addBelow(type, path, pointer, source)
  }

  function addBelow(
    type: Exclude<Type, string>,
    path: string,
    pointer: string | null,
    source: SourceField | undefined,
  ) {
    const inner = source?.children?.[0]
    if (type.type === 'struct') {
      const byId = new Map(source?.children?.map((child) => [child.fieldId, child]))
      for (const field of type.fields) addField(field, `${path}.${field.name}`, pointer, byId.get(field.id))
    } else if (type.type === 'list') {
      const element = { id: type['element-id'], type: type.element, required: type['element-required'] }
      add(element, `${path}.element`, `${pointer ?? ''}/*`, inner)
    } else {
      add({ id: type['key-id'], type: type.key, required: true }, `${path}.key`, null, undefined)
      const value = { id: type['value-id'], type: type.value, required: type['value-required'] }
      add(value, `${path}.value`, `${pointer ?? ''}/*`, inner)
    }
  }

  function addField(field: Field, path: string, around: string | null, source: SourceField | undefined): void {
    add(field, path, `${around ?? ''}${pointerOf([source?.key ?? field.name])}`, source)
  }

  const byId = new Map(sources.map((source) => [source.fieldId, source]))
  for (const field of fields) {
    // No property's name begins with "_": these are Pulse's own.
    if (field.name.startsWith('_')) add(field, field.name, null, undefined)
    else addField(field, field.name, null, byId.get(field.id))
  }
  return columns
}
