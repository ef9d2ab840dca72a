import type { TableMetadata } from './metadata.ts'
import type { Field, Type } from './schema.ts'

/** By field id, the names that a struct's member has ever had, the newest schema's last. Only of members that were renamed. */
export type FormerNames = ReadonlyMap<number, readonly string[]>

/**
 * Members of structs that were renamed. Data files keep the names that they were written with, and readers that go by name
 * inside structs (DuckDB 1.5) have to know them; columns at the top are found by their ids.
 */
export function formerNames(metadata: Pick<TableMetadata, 'schemas'>): FormerNames {
  const names = new Map<number, string[]>()
  // The common table, never changed, costs nothing.
  if (metadata.schemas.length < 2) return names
  const note = (field: Field): void => {
    const known = names.get(field.id)
    if (known === undefined) names.set(field.id, [field.name])
    else if (!known.includes(field.name)) known.push(field.name)
  }
  const walk = (type: Type): void => {
    if (typeof type === 'string') return
    if (type.type === 'list') return walk(type.element)
    if (type.type === 'map') return walk(type.value)
    for (const field of type.fields) {
      note(field)
      walk(field.type)
    }
  }
  for (const schema of metadata.schemas) for (const field of schema.fields) walk(field.type)
  for (const [id, known] of names) if (known.length < 2) names.delete(id)
  return names
}
