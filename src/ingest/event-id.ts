import { EVENT_ID_BYTES } from './line.ts'

/** 1 = hex digit as canonical text has it, 2 = upper case hex digit, 0 = anything else. */
const HEX = new Uint8Array(256)
for (const digit of '0123456789abcdef') HEX[digit.charCodeAt(0)] = 1
for (const digit of 'ABCDEF') HEX[digit.charCodeAt(0)] = 2
const HYPHEN = 45

/**
 * The event id in a record's key, as 36 canonical bytes: the key itself where it is canonical, a
 * lower-cased copy where it is not, null where it is no uuid.
 */
export function canonicalId(key: Buffer | null): Buffer | null {
  if (key === null || key.length !== EVENT_ID_BYTES) return null
  let upper = 0
  for (let i = 0; i < EVENT_ID_BYTES; i += 1) {
    const byte = key[i] as number
    if (i === 8 || i === 13 || i === 18 || i === 23) {
      if (byte !== HYPHEN) return null
      continue
    }
    const kind = HEX[byte]
    if (kind === 0) return null
    if (kind === 2) upper += 1
  }
  return upper === 0 ? key : Buffer.from(key.toString('latin1').toLowerCase(), 'latin1')
}
