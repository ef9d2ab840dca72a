import type { Buffer } from 'node:buffer'

/** A message that ends early or claims a length that it does not have. */
export class WireFault extends Error {
  override readonly name = 'WireFault'
}

/**
 * Reads Kafka's primitive types from one whole message (https://kafka.apache.org/protocol, "Protocol
 * Primitive Types"). `flexible` messages (KIP-482) use compact lengths and end every struct in tagged fields;
 * the others do neither, so that one description of a message serves both kinds.
 *
 * A class, not closures: a fetch over 2,000 partitions makes some 20,000 calls, and V8 inlines methods of one shape.
 * 64-bit numbers come as JavaScript numbers, exact up to 2^53; anything beyond is refused.
 */
export class WireReader {
  readonly bytes: Buffer
  readonly flexible: boolean
  at: number

  constructor(bytes: Buffer, flexible: boolean, at = 0) {
    this.bytes = bytes
    this.flexible = flexible
    this.at = at
  }

  get remaining(): number {
    return this.bytes.length - this.at
  }

  #take(length: number): number {
    const at = this.at
    if (length < 0 || at + length > this.bytes.length) {
      throw new WireFault(`a field of ${length} bytes does not fit into the ${this.bytes.length - at} that are left`)
    }
    this.at = at + length
    return at
  }

  int8(): number {
    return this.bytes.readInt8(this.#take(1))
  }

  bool(): boolean {
    return this.bytes[this.#take(1)] !== 0
  }

  int16(): number {
    return this.bytes.readInt16BE(this.#take(2))
  }

  int32(): number {
    return this.bytes.readInt32BE(this.#take(4))
  }

  uint32(): number {
    return this.bytes.readUInt32BE(this.#take(4))
  }

  int64(): number {
    const at = this.#take(8)
    const value = this.bytes.readInt32BE(at) * 0x1_0000_0000 + this.bytes.readUInt32BE(at + 4)
    if (!Number.isSafeInteger(value)) throw new WireFault(`a 64-bit number is beyond 2^53`)
    return value
  }

  /** Unsigned base-128 number. */
  uvarint(): number {
    let value = 0
    let shift = 1
    for (let read = 0; read < 8; read += 1) {
      const byte = this.bytes[this.#take(1)] ?? 0
      value += (byte & 0x7f) * shift
      if (byte < 0x80) return value
      shift *= 128
    }
    throw new WireFault('a varint is longer than 8 bytes')
  }

  /** UUID as text with hyphens. */
  uuid(): string {
    const at = this.#take(16)
    const hex = this.bytes.toString('hex', at, at + 16)
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  }

  stringOrNull(): string | null {
    const length = this.flexible ? this.uvarint() - 1 : this.int16()
    if (length < 0) return null
    const at = this.#take(length)
    return this.bytes.toString('utf8', at, at + length)
  }

  string(): string {
    const value = this.stringOrNull()
    if (value === null) throw new WireFault('a string that must be there is null')
    return value
  }

  /** A view of the message, not a copy. */
  bytesOrNull(): Buffer | null {
    const length = this.flexible ? this.uvarint() - 1 : this.int32()
    if (length < 0) return null
    const at = this.#take(length)
    return this.bytes.subarray(at, at + length)
  }

  /** An array of structs: each ends in tagged fields where the message is flexible. `tagged` is told of each, and may read it. */
  structsOrNull<T>(read: () => T, tagged?: (tag: number, of: T) => void): T[] | null {
    return this.#items(() => {
      const value = read()
      this.tags(tagged === undefined ? undefined : (tag) => tagged(tag, value))
      return value
    })
  }

  structs<T>(read: () => T, tagged?: (tag: number, of: T) => void): T[] {
    return this.structsOrNull(read, tagged) ?? []
  }

  /** Topics with partitions, the form of most answers: what `read` makes of each, in one list. */
  partitions<T>(read: (topic: string, partition: number) => T): T[] {
    return this.structs(() => {
      const topic = this.string()
      return this.structs(() => read(topic, this.int32()))
    }).flat()
  }

  /** An array of bare values. */
  values<T>(read: () => T): T[] {
    return this.#items(read) ?? []
  }

  #items<T>(read: () => T): T[] | null {
    const count = this.flexible ? this.uvarint() - 1 : this.int32()
    if (count < 0) return null
    // Every item has at least one byte: a count beyond that is a lie, and must not allocate.
    if (count > this.remaining) throw new WireFault(`an array claims ${count} items in ${this.remaining} bytes`)
    const items: T[] = []
    for (let index = 0; index < count; index += 1) items.push(read())
    return items
  }

  /** Skips tagged fields, those that `told` reads too; none at all in a message that is not flexible. */
  tags(told?: (tag: number) => void): void {
    if (!this.flexible) return
    const count = this.uvarint()
    for (let index = 0; index < count; index += 1) {
      const tag = this.uvarint()
      const at = this.#take(this.uvarint())
      const end = this.at
      this.at = at
      told?.(tag)
      this.at = end
    }
  }
}
