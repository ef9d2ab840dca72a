import { canonicalUuid, deriveId, isUuid, objectMembers } from '../event/index.ts'
import type { LetterWithPayload } from './letters.ts'

type Sent = Pick<LetterWithPayload, 'id' | 'event_id' | 'dataset' | 'value'>

/**
 * The id under which a letter's event is sent again, so that the ledger knows it from any other sending: the one that the event says
 * itself, else its record's key; where neither can be used, one that is always the same for the letter.
 */
export function idOf({ id, event_id: key, value }: Pick<Sent, 'id' | 'event_id' | 'value'>): string {
  const own = value === null ? undefined : ownIdOf(value)
  if (own !== undefined) return own
  if (key !== null && isUuid(key)) return canonicalUuid(key)
  const number = BigInt(id).toString(16).padStart(12, '0').slice(-12)
  return deriveId(`00000000-0000-8000-8000-${number}`, 0)
}

function ownIdOf(value: Buffer): string | undefined {
  const [, text] = membersOf(value)?.find(([name]) => name === 'event_id') ?? []
  const id = /^"([0-9a-f-]{36})"$/i.exec(text?.toString('latin1') ?? '')?.[1]
  return id !== undefined && isUuid(id) ? canonicalUuid(id) : undefined
}

/** What is sent in the place of what the letter has. */
export interface Edit {
  /** JSON text. */
  readonly data?: string | undefined
  /** Slug, for a letter whose record named no dataset of the tenant. */
  readonly dataset?: string | undefined
}

/**
 * A letter's event as one line for collect. Members are carried on as they were written, byte for byte; the dataset is the one that
 * its record named, else that of the edit, else what the event says itself; an id is added where the client had sent none. With
 * `data` that alone takes the place of the event's other members. Total: what is no event is a line that collect refuses, with the
 * reason, and nothing is made an event by sending it again.
 */
export function lineOf(letter: Sent, { data, ...edit }: Edit = {}): Buffer {
  const { value } = letter
  const dataset = letter.dataset ?? edit.dataset
  const written = value === null ? undefined : membersOf(value)
  if (written === undefined && data === undefined) return oneLine(value ?? NOTHING)
  const own = written ?? []
  const members =
    data === undefined ? own : [...own.filter(([name]) => name === 'dataset'), ['data', Buffer.from(data)] as const]
  const envelope: Member[] = []
  if (dataset !== undefined) envelope.push(['dataset', asJson(dataset)])
  if (!members.some(([name]) => name === 'event_id')) envelope.push(['event_id', asJson(idOf(letter))])
  const kept = members.filter(([name]) => name !== 'dataset' || dataset === undefined)
  return oneLine(objectOf([...envelope, ...kept]))
}

type Member = readonly [name: string, value: Buffer]

const NOTHING = Buffer.from('null')
const asJson = (text: string): Buffer => Buffer.from(JSON.stringify(text))

/** Undefined where the value is not one object, and nothing behind it. */
function membersOf(value: Buffer): readonly Member[] | undefined {
  const object = objectMembers(value, 0, value.length)
  if (object === undefined || !/^[ \t\r\n]*$/.test(value.toString('latin1', object.end))) return undefined
  return object.members.map(({ key, start, end }) => [key, value.subarray(start, end)])
}

const objectOf = (members: readonly Member[]): Buffer =>
  Buffer.concat([
    Buffer.from('{'),
    ...members.flatMap(([name, value], at) => [Buffer.from(`${at === 0 ? '' : ','}${JSON.stringify(name)}:`), value]),
    Buffer.from('}'),
  ])

/**
 * Between tokens a line break is as good as a space. Within a string it is what JSON refuses, and gives way to a character that JSON
 * refuses there as well.
 */
function oneLine(text: Buffer): Buffer {
  const line = Buffer.from(text)
  let isInString = false
  for (let at = 0; at < line.length; at += 1) {
    const byte = line[at]
    if (byte === QUOTE) isInString = !isInString
    else if (byte === BACKSLASH && isInString) at += line[at + 1] === QUOTE || line[at + 1] === BACKSLASH ? 1 : 0
    else if (byte === 0x0a || byte === 0x0d) line[at] = isInString ? VERTICAL_TAB : 0x20
  }
  return line.toString('latin1').trim() === '' ? NOTHING : line
}
const QUOTE = 0x22
const BACKSLASH = 0x5c
const VERTICAL_TAB = 0x0b
