import { isInstant } from './kinds.ts'

/** What a dataset's schema wants of values that a file keeps in types of its own. What nothing is wanted of is left out. */
export interface Wanted {
  /** `instant`: days and times become RFC 3339. `text`: decimals become text, which is how events have them. */
  readonly as?: 'instant' | 'text'
  readonly members?: Readonly<Record<string, Wanted>>
  /** Of a list's items, or a map's values. */
  readonly each?: Wanted
}

/** What a composed schema wants, at every depth. */
export function wantedOf(schema: unknown): Wanted {
  if (typeof schema !== 'object' || schema === null) return {}
  const { type, format, properties, items, additionalProperties, anyOf, oneOf, allOf } = schema as Record<
    string,
    unknown
  >
  const types = new Set([type ?? []].flat())
  const isText = types.has('string') && !types.has('number') && !types.has('integer')
  const members = Object.entries((properties ?? {}) as object).flatMap(([name, property]): [string, Wanted][] => {
    const wanted = wantedOf(property)
    return Object.keys(wanted).length === 0 ? [] : [[name, wanted]]
  })
  const each = wantedOf(items ?? additionalProperties)
  const own: Wanted = {
    ...(isInstant(format) ? { as: 'instant' } : isText ? { as: 'text' } : {}),
    ...(members.length === 0 ? {} : { members: Object.fromEntries(members) }),
    ...(Object.keys(each).length === 0 ? {} : { each }),
  }
  const choices = [anyOf, oneOf, allOf].flatMap((list) => (Array.isArray(list) ? list.map(wantedOf) : []))
  return Object.assign({}, ...choices, own) as Wanted
}
