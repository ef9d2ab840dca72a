import { Buffer } from 'node:buffer'

/** Bytes at least this long are carried as they are instead of being copied. */
const CARRY_FROM = 4096

/**
 * Writes Kafka's primitive types; the counterpart of `WireReader`. Large byte fields (record batches) are not copied:
 * `parts()` answers the pieces in order, for a gathering write.
 */
export class WireWriter {
  readonly flexible: boolean
  #parts: Buffer[] = []
  #bytes: Buffer
  #from = 0
  #at = 0
  #carried = 0

  constructor(flexible: boolean, size = 512) {
    this.flexible = flexible
    this.#bytes = Buffer.allocUnsafe(size)
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#carried + this.#at - this.#from
  }

  #room(length: number): number {
    const at = this.#at
    if (at + length > this.#bytes.length) {
      const held = this.#bytes.subarray(this.#from, at)
      const grown = Buffer.allocUnsafe(Math.max(held.length * 2, held.length + length, 512))
      held.copy(grown, 0)
      this.#bytes = grown
      this.#from = 0
      this.#at = held.length + length
      return held.length
    }
    this.#at = at + length
    return at
  }

  int8(value: number): this {
    const at = this.#room(1)
    this.#bytes[at] = value & 0xff
    return this
  }

  bool(value: boolean): this {
    return this.int8(value ? 1 : 0)
  }

  int16(value: number): this {
    const at = this.#room(2)
    this.#bytes.writeInt16BE(value, at)
    return this
  }

  int32(value: number): this {
    const at = this.#room(4)
    this.#bytes.writeInt32BE(value, at)
    return this
  }

  int64(value: number): this {
    const at = this.#room(8)
    writeInt64(this.#bytes, value, at)
    return this
  }

  uvarint(value: number): this {
    let rest = value
    while (rest >= 0x80) {
      this.int8((rest % 128) | 0x80)
      rest = Math.floor(rest / 128)
    }
    return this.int8(rest)
  }

  uuid(value: string): this {
    const at = this.#room(16)
    this.#bytes.write(value.replaceAll('-', ''), at, 16, 'hex')
    return this
  }

  string(value: string | null): this {
    if (value === null) return this.flexible ? this.uvarint(0) : this.int16(-1)
    const length = Buffer.byteLength(value)
    if (this.flexible) this.uvarint(length + 1)
    else this.int16(length)
    const at = this.#room(length)
    this.#bytes.write(value, at, length, 'utf8')
    return this
  }

  /** One byte field made of several pieces, each carried uncopied where it is long. */
  pieces(pieces: readonly Buffer[]): this {
    let length = 0
    for (const piece of pieces) length += piece.length
    if (this.flexible) this.uvarint(length + 1)
    else this.int32(length)
    for (const piece of pieces) this.raw(piece)
    return this
  }

  raw(bytes: Buffer): this {
    if (bytes.length < CARRY_FROM) {
      const at = this.#room(bytes.length)
      bytes.copy(this.#bytes, at)
      return this
    }
    this.#seal()
    this.#parts.push(bytes)
    this.#carried += bytes.length
    return this
  }

  structs<T>(items: readonly T[] | null, write: (item: T) => void): this {
    this.count(items)
    if (items === null) return this
    for (const item of items) {
      write(item)
      this.tags()
    }
    return this
  }

  values<T>(items: readonly T[] | null, write: (item: T) => void): this {
    this.count(items)
    if (items === null) return this
    for (const item of items) write(item)
    return this
  }

  count(items: { readonly length: number } | null): this {
    if (this.flexible) return this.uvarint(items === null ? 0 : items.length + 1)
    return this.int32(items === null ? -1 : items.length)
  }

  /** Ends a struct: no tagged fields. */
  tags(): this {
    return this.flexible ? this.int8(0) : this
  }

  #seal(): void {
    if (this.#at === this.#from) return
    const part = this.#bytes.subarray(this.#from, this.#at)
    this.#parts.push(part)
    this.#carried += part.length
    this.#from = this.#at
  }

  parts(): Buffer[] {
    this.#seal()
    return this.#parts
  }
}

/** A number up to 2^53 as a signed 64-bit integer, big endian. */
export function writeInt64(bytes: Buffer, value: number, at: number): void {
  const high = Math.floor(value / 0x1_0000_0000)
  bytes.writeInt32BE(high, at)
  bytes.writeUInt32BE(value - high * 0x1_0000_0000, at + 4)
}

/** The inverse of `writeInt64`. */
export function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4)
}
