import { pointerOf } from '../event/index.ts'
import { SYSTEM_CLASSES, type Definition } from '../pdm/index.ts'
import type { Fault } from '../problems/index.ts'
import { namesAreData, whyNoColumn } from './names.ts'
import { together, type Shape } from './shape.ts'
import { fewValues } from './texts.ts'

type SchemaText = Record<string, unknown>

/** Far enough below what a definition may be (`DEFINITION_LIMITS`) that it can be edited further. */
const MOST = { depth: 24, properties: 1_500, bytes: 200_000 }
/** From so many samples on, what all of them have is called required without a word. */
const ENOUGH_SAMPLES = 10
/** What every proposal is of: without a class of events there is no dataset. */
export const EVENT_CLASS = SYSTEM_CLASSES.find(({ uri }) =>
  uri.endsWith('/interaction-event'),
) as (typeof SYSTEM_CLASSES)[number]

interface Progress {
  readonly notes: Fault[]
  properties: number
  bytes: number
}

/** A definition that takes what was seen, and what somebody who edits it should know. Pointers lead into the definition. */
export function propose(shape: Shape): { definition: Definition; notes: Fault[] } {
  const progress: Progress = { notes: [], properties: 0, bytes: 0 }
  const properties: [string, unknown][] = []
  const required: string[] = []
  const taken = new Set<string>()
  const left: string[] = []
  const time = shape.members.get('timestamp')
  const hasTime = time !== undefined && isEventTime(time, shape)
  const timeLike = hasTime ? [] : namesLikeTimes(shape)
  for (const [name, member] of shape.members) {
    if (name === 'timestamp' && !isEventTime(member, shape)) continue
    const why = whyNoColumn(name, true, taken) ?? whyNoRoom(progress, [name])
    if (why !== undefined) {
      left.push(`${JSON.stringify(name.slice(0, 80))} ${why}`)
      continue
    }
    taken.add(name.toLowerCase())
    account(progress, [name])
    properties.push([name, schemaOf(member, ['properties', name], progress)])
    // What is mapped to the timestamp is not there under its own name any more.
    if (member.seen === shape.objects && !timeLike.includes(name)) required.push(name)
  }
  const say = (pointer: string, keyword: string, message: string): void =>
    void progress.notes.push({ pointer, keyword, message })
  if (left.length > 0) {
    const more = left.length > 5 ? ` (and ${left.length - 5} more)` : ''
    say('', 'additionalProperties', `no column of their own: ${left.slice(0, 5).join('; ')}${more}`)
  }
  if (shape.seen < ENOUGH_SAMPLES)
    say(
      '/required',
      'required',
      `says little after ${shape.seen === 1 ? 'one sample' : `${shape.seen} samples`}: remove what an event may lack`,
    )
  if (!hasTime) say('', 'timestamp', withoutTime(timeLike))
  return {
    definition: {
      $class: EVENT_CLASS.uri,
      type: 'object',
      properties: Object.fromEntries(properties),
      ...(required.length === 0 ? {} : { required }),
      ...(left.length === 0 ? {} : { additionalProperties: true }),
    },
    notes: progress.notes,
  }
}

/** Whether it is, always, what the table is partitioned by. */
const isEventTime = ({ strings, seen, texts }: Shape, { objects }: Shape): boolean =>
  seen === objects && strings === seen && texts?.formats[0] === 'date-time'

/** The members that may be it, each in all samples a text that reads as a day or an instant. */
const namesLikeTimes = ({ members, objects }: Shape): readonly string[] =>
  [...members]
    .filter(([, { texts, strings, seen }]) => seen === objects && strings === seen && texts !== undefined)
    .filter(([, { texts }]) => texts?.formats[0] === 'date-time' || texts?.formats[0] === 'date' || texts?.almostTimes)
    .map(([name]) => name)

function withoutTime(timeLike: readonly string[]): string {
  const shown = timeLike.slice(0, 3).map((name) => JSON.stringify(name.slice(0, 80)))
  const hint = timeLike.includes('timestamp')
    ? 'send it whole, as 2026-11-25T08:00:00Z; where a file has 2026-11-25 or 2026-11-25 08:00 its import completes it'
    : shown.length === 0
      ? 'give each event one, or set one when a file is imported'
      : `${shown.join(' or ')} may be it: send it as timestamp, or map it when a file is imported; it is not required, so that both work`
  return `an event needs "timestamp", RFC 3339 with a zone, and not every sample has one: ${hint}`
}

/** What one place of the samples is described by. */
function schemaOf(shape: Shape, path: readonly (string | number)[], progress: Progress): SchemaText {
  const say = (keyword: string, message: string): void =>
    void progress.notes.push({ pointer: pointerOf(path), keyword, message })
  const kinds = [
    ...(shape.booleans > 0 ? ['boolean'] : []),
    ...(shape.numbers > 0 ? [shape.notLong === 0 ? 'integer' : 'number'] : []),
    ...(shape.strings > 0 ? ['string'] : []),
    ...(shape.objects > 0 ? ['object'] : []),
    ...(shape.arrays > 0 ? ['array'] : []),
  ]
  const orNull = shape.nulls > 0 ? ['null'] : []
  const [kind, second] = kinds
  if (kind === undefined) {
    say('type', 'was always null: say what it is')
    return {}
  }
  if (second !== undefined) return { type: [...kinds, ...orNull] }
  if (kind === 'number' && shape.notDouble > 0) {
    say('type', 'has numbers that no column of numbers keeps as they are written: left without a type, as JSON text')
    return {}
  }
  const type = orNull.length === 0 ? kind : [kind, ...orNull]
  if (kind === 'string') return { type, ...textOf(shape, say) }
  if (kind === 'array') {
    if (shape.items === undefined || path.length >= MOST.depth) {
      say('items', shape.items === undefined ? 'was always empty: say what it lists' : 'nests too deep to be described')
      return { type }
    }
    return { type, items: schemaOf(shape.items, [...path, 'items'], progress) }
  }
  return kind === 'object' ? { type, ...objectOf(shape, path, progress, say) } : { type }
}

type Say = (keyword: string, message: string) => void

function objectOf(shape: Shape, path: readonly (string | number)[], progress: Progress, say: Say): SchemaText {
  const { members } = shape
  if (members.size === 0) return {}
  const names = [...members.keys()]
  if (path.length >= MOST.depth * 2) {
    say('properties', 'nests too deep to be described')
    return {}
  }
  if (namesAreData(shape)) {
    const values = schemaOf(together([...members.values()]), [...path, 'additionalProperties'], progress)
    say('additionalProperties', `is a map: its ${members.size} names are data`)
    return 'type' in values ? { additionalProperties: values } : {}
  }
  const taken = new Set<string>()
  for (const name of names) {
    const why = whyNoColumn(name, false, taken)
    if (why !== undefined) {
      say('properties', `is left free-form: ${JSON.stringify(name.slice(0, 80))} ${why}`)
      return {}
    }
    taken.add(name.toLowerCase())
  }
  const noRoom = whyNoRoom(progress, names)
  if (noRoom !== undefined) {
    say('properties', `is left free-form: it ${noRoom}`)
    return {}
  }
  account(progress, names)
  const required = names.filter((name) => members.get(name)?.seen === shape.objects)
  return {
    properties: Object.fromEntries(
      names.map((name) => [name, schemaOf(members.get(name) as Shape, [...path, 'properties', name], progress)]),
    ),
    ...(required.length === 0 ? {} : { required }),
  }
}

function textOf({ texts, nulls }: Shape, say: Say): SchemaText {
  if (texts === undefined) return {}
  const format = texts.formats[0]
  if (format !== undefined) {
    if (PERSONAL.has(format)) say('label', 'may be about a person: label it with a descriptor, and previews mask it')
    return { format }
  }
  if (texts.almostTimes)
    say('format', 'reads as a date or time but is not RFC 3339 (2026-11-25T08:00:00Z): kept as text')
  if (texts.decimals)
    say('format', 'reads as decimals: "format": "decimal" with "precision" and "scale" makes it a decimal column')
  const values = texts.almostTimes || texts.decimals ? undefined : fewValues(texts)
  if (values === undefined) return {}
  say('enum', `${values.length} values in ${texts.seen} samples: remove it where others may come`)
  return { enum: nulls > 0 ? [...values, null] : values }
}

const PERSONAL = new Set(['email', 'ipv4', 'ipv6'])

const sizeOf = (names: readonly string[]): number =>
  names.reduce((sum, name) => sum + 2 * Buffer.byteLength(JSON.stringify(name)) + ROOM_PER_PROPERTY, 0)
/** For what a property says beside its name; values of an enumeration come on top, and there is room for them. */
const ROOM_PER_PROPERTY = 60

function whyNoRoom({ properties, bytes }: Progress, names: readonly string[]): string | undefined {
  if (properties + names.length > MOST.properties) return `would be beyond ${MOST.properties} properties`
  return bytes + sizeOf(names) > MOST.bytes ? 'would make the definition too large' : undefined
}

function account(progress: Progress, names: readonly string[]): void {
  progress.properties += names.length
  progress.bytes += sizeOf(names)
}
