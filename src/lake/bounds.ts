import { decimalOf } from './ids.ts'
import type { PrimitiveType } from './schema.ts'

/**
 * Single values in Iceberg's binary form (spec, "Binary single-value serialization"), as they stand in
 * `lower_bounds` and `upper_bounds`: numbers little-endian, decimals big-endian two's complement in as few bytes as can be,
 * strings UTF-8, uuids big-endian.
 */
type BoundValue = boolean | number | bigint | string

/** Strings are cut to this many code points, as Iceberg's `truncate(16)` metrics mode does. */
const BOUND_CODE_POINTS = 16

/** Decodes a bound: long, time and timestamptz as bigint (micros), decimal as its unscaled bigint. */
export function decodeBound(type: PrimitiveType, raw: Uint8Array): BoundValue {
  const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)
  switch (type) {
    case 'boolean':
      return bytes[0] !== 0
    case 'int':
    case 'date':
      return bytes.readInt32LE(0)
    case 'long':
    case 'time':
    case 'timestamptz':
      // A column promoted from int keeps four bytes in the manifests of its youth.
      return bytes.length === 4 ? BigInt(bytes.readInt32LE(0)) : bytes.readBigInt64LE(0)
    case 'float':
      return bytes.readFloatLE(0)
    case 'double':
      return bytes.length === 4 ? bytes.readFloatLE(0) : bytes.readDoubleLE(0)
    case 'string':
      return bytes.toString('utf8')
    case 'uuid':
      return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
    default:
      return bigEndian(bytes)
  }
}

/** Orders two bounds of one type. -0 sorts below +0. */
export function compareBounds(type: PrimitiveType, a: Uint8Array, b: Uint8Array): number {
  if (type === 'string' || type === 'uuid' || type === 'boolean') return Buffer.compare(a, b)
  const [left, right] = [decodeBound(type, a), decodeBound(type, b)]
  if (left === right) return Object.is(left, right) ? 0 : Object.is(left, -0) ? -1 : 1
  return left < right ? -1 : 1
}

/** The lower bound to record: strings as a prefix of whole code points, zero as -0; undefined when there is none. */
export function lowerBound(type: PrimitiveType, least: Uint8Array): Uint8Array | undefined {
  if (type === 'string') return cut(least).bytes
  return isFloat(type) ? floatBound(type, least, -0) : least
}

/**
 * The upper bound to record: a cut string is rounded up at its last code point that can be raised;
 * undefined when none can (then no bound is the only true one). `exact` false means that the value
 * given is itself a cut one.
 */
export function upperBound(type: PrimitiveType, most: Uint8Array, exact = true): Uint8Array | undefined {
  if (type !== 'string') return isFloat(type) ? floatBound(type, most, 0) : most
  const prefix = cut(most)
  return prefix.whole && exact ? prefix.bytes : raised(prefix.bytes)
}

function isFloat(type: PrimitiveType): boolean {
  return type === 'float' || type === 'double'
}

function floatBound(type: PrimitiveType, raw: Uint8Array, zero: number): Uint8Array | undefined {
  const value = decodeBound(type, raw) as number
  if (Number.isNaN(value)) return undefined
  if (value !== 0) return raw
  const bytes = Buffer.alloc(type === 'float' ? 4 : 8)
  if (type === 'float') bytes.writeFloatLE(zero)
  else bytes.writeDoubleLE(zero)
  return bytes
}

/** The first code points of UTF-8; a character that was cut in the middle is left out. */
function cut(raw: Uint8Array): { readonly bytes: Uint8Array; readonly whole: boolean } {
  let at = 0
  for (let count = 0; count < BOUND_CODE_POINTS && at < raw.length; count += 1) {
    const lead = raw[at] ?? 0
    const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
    if (at + length > raw.length) return { bytes: raw.slice(0, at), whole: false }
    at += length
  }
  return { bytes: raw.slice(0, at), whole: at === raw.length }
}

function raised(utf8: Uint8Array): Uint8Array | undefined {
  const points = Array.from(Buffer.from(utf8).toString('utf8'), (char) => char.codePointAt(0) ?? 0)
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    // Past the last code point before the surrogates comes the first one after them.
    const up = last === 0xd7ff ? 0xe000 : last + 1
    if (up <= 0x10ffff) return Buffer.from(String.fromCodePoint(...points, up), 'utf8')
  }
  return undefined
}

/** A decimal's unscaled value from Parquet's form (int32, int64 little-endian or fixed big-endian) to Iceberg's. */
export function decimalBound(raw: Uint8Array, littleEndian: boolean): Uint8Array {
  const bytes = littleEndian ? Buffer.from(raw).reverse() : Buffer.from(raw)
  let from = 0
  // A leading byte that only repeats the sign of the next one says nothing.
  while (from < bytes.length - 1 && bytes.readInt8(from) === bytes.readInt8(from + 1) >> 7) from += 1
  return bytes.subarray(from)
}

function bigEndian(bytes: Uint8Array): bigint {
  if (bytes.length === 0) return 0n
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x${Buffer.from(bytes).toString('hex')}`))
}

/** A bound as JavaScript shows it: decimals as text with their scale, times as microseconds. */
export function boundText(type: PrimitiveType, raw: Uint8Array): string {
  const value = decodeBound(type, raw)
  const decimal = decimalOf(type)
  if (decimal === undefined || decimal.scale === 0) return String(value)
  const sign = (value as bigint) < 0n ? '-' : ''
  const digits = String(value)
    .replace('-', '')
    .padStart(decimal.scale + 1, '0')
  return `${sign}${digits.slice(0, -decimal.scale)}.${digits.slice(-decimal.scale)}`
}
