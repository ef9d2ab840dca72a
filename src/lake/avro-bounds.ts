import avsc from 'avsc'

/**
 * avsc believes what bytes say of their own number: a list that claims a hundred million items at the end of a cut file is
 * read to the last of them, minutes long, and each is nothing (measured: one damaged byte of a manifest). Here every
 * item takes a byte at least, so a count beyond the bytes that are left is damage.
 */

interface Tap {
  readonly buf: Buffer
  readonly pos: number
  readLong(): number
  readString(): string
}
interface Read {
  _read(tap: Tap): unknown
}
type Made<T> = new (schema: unknown, opts: unknown) => T

/** The next count of a list or map; 0 ends it. A negative one is followed by a size in bytes, which nobody needs. */
function countAt(tap: Tap): number {
  let count = tap.readLong()
  if (count < 0) {
    count = -count
    tap.readLong()
  }
  if (count > tap.buf.length - tap.pos) throw new Error('truncated: more items than bytes')
  return count
}

const ArrayType = avsc.types.ArrayType as unknown as Made<{ readonly itemsType: Read }>
const MapType = avsc.types.MapType as unknown as Made<{ readonly valuesType: Read }>

// Classes, because avsc asks a type for its prototype's `_read`, and freezes its types.
class BoundedArray extends ArrayType {
  _read(tap: Tap): unknown[] {
    const items: unknown[] = []
    for (let left = countAt(tap); left > 0; left = countAt(tap)) {
      const least = tap.pos + left
      for (; left > 0; left -= 1) items.push(this.itemsType._read(tap))
      if (tap.pos < least) throw new Error('items without bytes')
    }
    return items
  }
}
class BoundedMap extends MapType {
  _read(tap: Tap): Record<string, unknown> {
    const values: Record<string, unknown> = {}
    for (let left = countAt(tap); left > 0; left = countAt(tap))
      for (; left > 0; left -= 1) values[tap.readString()] = this.valuesType._read(tap)
    return values
  }
}

/** avsc's `typeHook`: lists and maps that never hold more than their bytes can. */
export const boundedTypes: avsc.ForSchemaOptions['typeHook'] = (schema, options) => {
  const { type } = schema as { readonly type?: unknown }
  if (type === 'array') return new BoundedArray(schema, options) as unknown as avsc.Type
  if (type === 'map') return new BoundedMap(schema, options) as unknown as avsc.Type
  return undefined
}
