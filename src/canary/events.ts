import { hash } from 'node:crypto'
import { rfc3339Micros, uuidText } from '../event/index.ts'

/** One column of every kind that a table may have, so that no kind can be damaged unseen. */
export const DEFINITION = {
  type: 'object',
  properties: {
    timestamp: { type: 'string', format: 'date-time' },
    round: { type: 'integer' },
    position: { type: 'integer', format: 'int32' },
    text: { type: 'string' },
    whole: { type: 'integer' },
    real: { type: 'number' },
    amount: { type: 'string', format: 'decimal', precision: 18, scale: 4 },
    flag: { type: 'boolean' },
    day: { type: 'string', format: 'date' },
    token: { type: 'string', format: 'uuid' },
    nested: {
      type: 'object',
      properties: { name: { type: 'string' }, marks: { type: 'array', items: { type: 'integer' } } },
      required: ['name', 'marks'],
    },
    labels: { type: 'object', additionalProperties: { type: 'string' } },
    note: { type: 'string' },
  },
  required: ['timestamp', 'round', 'position', 'text', 'whole', 'real', 'amount', 'flag', 'day', 'token', 'nested'],
} as const

/** An event, and what a preview (`int64=string`) must show of it. */
export interface CanaryEvent {
  readonly id: string
  /** As one line of a request, the envelope included. */
  readonly line: string
  readonly row: Readonly<Record<string, unknown>>
}

/** The columns of `row`, in the words of a preview's `columns`. */
export const COLUMNS: readonly string[] = ['_event_id', ...Object.keys(DEFINITION.properties)]

const WORDS = [
  'Möwe',
  'coal "mine"',
  'back\\slash',
  'tab\there',
  '金丝雀',
  '🐤',
  "it's",
  'naïve',
  '',
  '</canary>',
] as const
const rawJson = (text: string): unknown => (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(text)

/**
 * The event at a position of a round. Ids and contents follow from seed, round, position and the instant
 * alone, so that whatever is read back can be compared column by column without keeping what was sent. Ids are UUIDv7
 * in form: time first, as the ledger likes them.
 */
export function eventAt(
  at: { readonly seed: string; readonly round: number; readonly position: number; readonly startedAtMs: number },
  dataset: string,
): CanaryEvent {
  const { round, position, startedAtMs } = at
  const chance = hash('sha512', `${at.seed}/${round}/${position}`, 'buffer')
  const id = idOf(startedAtMs, chance)
  const whole = chance.readBigInt64LE(16)
  const marks = [chance.readBigInt64LE(24), BigInt(chance.readInt16LE(32))]
  const real = chance.readInt32LE(34) / 2 ** (chance.readUInt8(38) % 40)
  const word = (n: number): string => WORDS[chance.readUInt8(n) % WORDS.length] as string
  const amount = `${chance.readInt32LE(41)}.${String(chance.readUInt16LE(45) % 10_000).padStart(4, '0')}`
  const plain = {
    // A microsecond apart, so that the order of a preview is the order of sending.
    timestamp: rfc3339Micros(startedAtMs + position / 1000),
    text: `${word(39)} ${chance.toString('base64url', 0, 12)} ${word(40)}`,
    real,
    amount,
    flag: chance.readUInt8(47) % 2 === 1,
    day: new Date(chance.readUInt16LE(48) * 86_400_000).toISOString().slice(0, 10),
    token: uuidText(chance.subarray(48, 64)),
    labels: { [word(50) === '' ? 'empty' : word(50)]: word(51), round: String(round) },
    // Absent in half of the events: null is a value to be kept, too.
    ...(position % 2 === 0 ? {} : { note: word(52) }),
  }
  const name = word(53)
  const data = {
    ...plain,
    round,
    position,
    whole: rawJson(String(whole)),
    nested: { name, marks: marks.map((mark) => rawJson(String(mark))) },
  }
  return {
    id,
    line: JSON.stringify({ dataset, event_id: id, data }),
    row: {
      ...plain,
      note: 'note' in plain ? plain.note : null,
      round: String(round),
      position,
      whole: String(whole),
      nested: { name, marks: marks.map(String) },
    },
  }
}

function idOf(startedAtMs: number, chance: Buffer): string {
  const bytes = Buffer.from(chance.subarray(0, 16))
  bytes.writeUIntBE(Math.floor(startedAtMs), 0, 6)
  bytes[6] = 0x70 | ((bytes[6] as number) & 0x0f)
  bytes[8] = 0x80 | ((bytes[8] as number) & 0x3f)
  return uuidText(bytes)
}
