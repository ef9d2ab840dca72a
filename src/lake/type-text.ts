import type { Type } from './schema.ts'

/** An Iceberg type as answers show it: `list<struct<name: string>>`, `decimal(10, 2)`. */
export function typeText(type: Type): string {
  if (typeof type === 'string') return type
  if (type.type === 'list') return `list<${typeText(type.element)}>`
  if (type.type === 'map') return `map<string, ${typeText(type.value)}>`
  return `struct<${type.fields.map((field) => `${field.name}: ${typeText(field.type)}`).join(', ')}>`
}
