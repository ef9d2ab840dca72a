import { canonicalUuid, deriveId, isUuid, objectMembers } from '../event/index.ts'
import type { LetterWithPayload } from './letters.ts'

type Sent = Pick<LetterWithPayload, 'id' | 'event_id' | 'dataset' | 'value'>

/**
 * The id under which a letter's event is sent again: its own, so that the ledger knows it from any other sending; where it had none
 * that can be used, one that is always the same for the letter.
 */
export function idOf({ id, event_id: eventId }: Pick<Sent, 'id' | 'event_id'>): string {
  if (eventId !== null && isUuid(eventId)) return canonicalUuid(eventId)
  const number = BigInt(id).toString(16).padStart(12, '0').slice(-12)
  return deriveId(`00000000-0000-8000-8000-${number}`, 0)
}

/** What is sent in the place of what the letter has. */
export interface Edit {
  /** JSON text. */
  readonly data?: string | undefined
  /** Slug, for a letter whose record named no dataset of the tenant. */
  readonly dataset?: string | undefined
}

/**
 * A letter's event as one line for collect. Members are carried on as they were written, digit for digit; the dataset is the one that
 * its record named, else that of the edit, else what the event says itself; an id is added where the client had sent none. With
 * `data` that alone takes the place of the event's other members. Total: what is no event is a line that collect refuses, with the
 * reason.
 */
export function lineOf(letter: Sent, { data, ...edit }: Edit = {}): Buffer {
  const { value } = letter
  const dataset = letter.dataset ?? edit.dataset
  const written = value === null ? undefined : objectMembers(value, 0, value.length)?.members
  if (written === undefined && data === undefined) return oneLine(value ?? NOTHING)
  const own = (written ?? []).map(({ key, start, end }): Member => [key, value?.toString('utf8', start, end) ?? ''])
  const members = data === undefined ? own : [...own.filter(([name]) => name === 'dataset'), ['data', data] as const]
  const envelope: Member[] = []
  if (dataset !== undefined) envelope.push(['dataset', JSON.stringify(dataset)])
  if (!members.some(([name]) => name === 'event_id')) envelope.push(['event_id', JSON.stringify(idOf(letter))])
  const kept = members.filter(([name]) => name !== 'dataset' || dataset === undefined)
  return oneLine(Buffer.from(objectOf([...envelope, ...kept])))
}

type Member = readonly [name: string, text: string]

const NOTHING = Buffer.from('null')

const objectOf = (members: readonly Member[]): string =>
  `{${members.map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(',')}}`

/** Line breaks stand between the tokens of JSON and nowhere else. */
function oneLine(text: Buffer): Buffer {
  const line = Buffer.from(text)
  for (let at = 0; at < line.length; at += 1) if (line[at] === 0x0a || line[at] === 0x0d) line[at] = 0x20
  return line.toString('latin1').trim() === '' ? NOTHING : line
}
