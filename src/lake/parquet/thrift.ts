/**
 * Thrift's compact protocol, reading only: what a Parquet footer is written in. A struct becomes a map
 * from field id to value; integers are numbers where a double is exact, else bigints.
 */
export type ThriftValue = boolean | number | bigint | Uint8Array | readonly ThriftValue[] | ThriftStruct
export type ThriftStruct = ReadonlyMap<number, ThriftValue>

/** Reads the struct at the start of the bytes. Throws RangeError on truncated or unknown input. */
export function readThrift(bytes: Uint8Array): ThriftStruct {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0

  function byte(): number {
    return view.getUint8(at++)
  }
  function varint(): bigint | number {
    let low = 0
    for (let shift = 0; shift < 28; shift += 7) {
      const part = byte()
      low |= (part & 0x7f) << shift
      if (part < 0x80) return low
    }
    let value = BigInt(low)
    for (let shift = 28n; ; shift += 7n) {
      const part = byte()
      value |= BigInt(part & 0x7f) << shift
      if (part < 0x80) return value
    }
  }
  function size(): number {
    const value = Number(varint())
    if (value > bytes.length - at) throw new RangeError('a Thrift length runs past the end')
    return value
  }
  function integer(): number | bigint {
    const raw = BigInt(varint())
    const value = (raw >> 1n) ^ -(raw & 1n)
    const plain = Number(value)
    return Number.isSafeInteger(plain) ? plain : value
  }
  function value(type: number): ThriftValue {
    switch (type) {
      case 1:
        return true
      case 2:
        return false
      case 3:
        return view.getInt8(at++)
      case 4:
      case 5:
      case 6:
        return integer()
      case 7:
        at += 8
        return view.getFloat64(at - 8, true)
      case 8: {
        const length = size()
        at += length
        return bytes.subarray(at - length, at)
      }
      case 9:
      case 10:
        return list()
      case 12:
        return struct()
      default:
        throw new RangeError(`Thrift type ${type} is not expected in a Parquet footer`)
    }
  }
  function list(): ThriftValue[] {
    const head = byte()
    const type = head & 0x0f
    const length = head >> 4 === 15 ? size() : head >> 4
    // In lists a boolean is a byte of its own.
    return Array.from({ length }, () => (type === 1 || type === 2 ? byte() === 1 : value(type)))
  }
  function struct(): Map<number, ThriftValue> {
    const fields = new Map<number, ThriftValue>()
    for (let id = 0; ;) {
      const head = byte()
      if (head === 0) return fields
      id = head >> 4 === 0 ? Number(integer()) : id + (head >> 4)
      fields.set(id, value(head & 0x0f))
    }
  }
  return struct()
}
