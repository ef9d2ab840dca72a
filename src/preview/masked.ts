import type { Field, Type } from '../lake/index.ts'

/** The places of a column whose values are masked, as `place.city`, `tags.element`; none where all of it is shown. */
export function maskedPaths({ id, name, type }: Field, masked: ReadonlySet<number>): string[] {
  if (masked.size === 0) return []
  return masked.has(id) ? [name] : below(type, masked).map((path) => `${name}.${path}`)
}

function below(type: Type, masked: ReadonlySet<number>): string[] {
  if (typeof type === 'string') return []
  if (type.type === 'struct') return type.fields.flatMap((field) => maskedPaths(field, masked))
  const [id, inner, name] =
    type.type === 'list' ? [type['element-id'], type.element, 'element'] : [type['value-id'], type.value, 'value']
  return masked.has(id) ? [name] : below(inner, masked).map((path) => `${name}.${path}`)
}
