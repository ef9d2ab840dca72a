import { hash, randomBytes } from 'node:crypto'

/**
 * `pulse_<id>_<secret>`: the key's id as 32 hex digits, and 256 bits of chance as 64. One prefix, so that a scanner of
 * repositories finds a key that was left in one; no sign that a shell or a URL would change.
 */
const FORM = /^pulse_([0-9a-f]{32})_[0-9a-f]{64}$/

/** What of a key is kept: of 256 bits of chance a plain SHA-256 gives nothing away, and costs a microsecond. */
export const digestOf = (text: string): Buffer => hash('sha256', text, 'buffer')

/** A new key for this id (a UUID). The text is shown once and kept nowhere. */
export function mintKey(id: string): { readonly text: string; readonly digest: Buffer } {
  const text = `pulse_${id.replaceAll('-', '')}_${randomBytes(32).toString('hex')}`
  return { text, digest: digestOf(text) }
}

/** The id that a key names, as a UUID; undefined where the text has not the form of a key. */
export function keyIdOf(text: string): string | undefined {
  const hex = FORM.exec(text)?.[1]
  if (hex === undefined) return undefined
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
