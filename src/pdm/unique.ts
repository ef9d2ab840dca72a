import type { Ajv2020 } from 'ajv/dist/2020.js'

/**
 * `uniqueItems` in linear time: ajv's own compares every pair, which an array of a hundred thousand objects
 * turns into minutes.
 */
export function addUniqueItems(ajv: Ajv2020): void {
  ajv.removeKeyword('uniqueItems')
  ajv.addKeyword({
    keyword: 'uniqueItems',
    type: 'array',
    schemaType: 'boolean',
    compile: (unique: boolean) => (items: unknown[]) => !unique || areUnique(items),
  })
}

function areUnique(items: readonly unknown[]): boolean {
  if (items.length < 2) return true
  const seen = new Set<unknown>()
  for (const item of items) {
    const key = keyOf(item)
    if (seen.has(key)) return false
    seen.add(key)
  }
  return true
}

/** The same for equal JSON values, and different for others: what a `Set` can hold. */
export const keyOf = (value: unknown): unknown =>
  typeof value === 'object' && value !== null ? `o${canonical(value)}` : typeof value === 'string' ? `s${value}` : value

/** JSON text with the members in order of their names: equal values, equal text. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
