import type { Borrowed } from './inline.ts'
import { isObject, propertiesOf, type Schema } from './keywords.ts'
import { below } from './pointer.ts'

/** A part that says something of a field; `uri` is null for the schema itself, `datatype` what it used for it. */
interface Origin {
  readonly kind: 'class' | 'field_group' | 'schema'
  readonly uri: string | null
  readonly datatype?: string
}

/** Who says something of each place in an event's data: indexes into `parts`, in the order of composition. */
export interface Origins {
  readonly parts: readonly Origin[]
  readonly places: Readonly<Record<string, readonly number[]>>
}

/** Which parts name each property, with its own datatype where the part took it from one. */
export function originsOf(
  parts: readonly (Pick<Origin, 'kind' | 'uri'> & { readonly schema: Schema })[],
  borrowed: Borrowed,
): Origins {
  const all: Origin[] = []
  const indexes = new Map<string, number>()
  const places = new Map<string, number[]>()

  const indexOf = (kind: Origin['kind'], uri: string | null, datatype: string | undefined): number => {
    const key = `${uri ?? ''} ${datatype ?? ''}`
    let index = indexes.get(key)
    if (index === undefined) {
      index = all.push({ kind, uri, ...(datatype === undefined ? {} : { datatype }) }) - 1
      indexes.set(key, index)
    }
    return index
  }

  for (const { kind, uri, schema } of parts) {
    const visit = (one: Schema, pointer: string, around: string | undefined): void => {
      const datatype = isObject(one) ? (borrowed.get(one) ?? around) : around
      if (pointer !== '') {
        const here = places.get(pointer) ?? []
        places.set(pointer, here)
        const index = indexOf(kind, uri, datatype)
        if (!here.includes(index)) here.push(index)
      }
      if (!isObject(one)) return
      for (const [name, property] of Object.entries(propertiesOf(one))) visit(property, below(pointer, name), datatype)
      for (const keyword of ['items', 'additionalProperties']) {
        if (isObject(one[keyword])) visit(one[keyword], below(pointer, '*'), datatype)
      }
    }
    visit(schema, '', undefined)
  }
  return { parts: all, places: Object.fromEntries(places) }
}
