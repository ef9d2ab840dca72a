import { pointerOf } from '../event/index.ts'
import { Problem, type Fault } from '../problems/index.ts'
import { branchProperties } from './close.ts'
import type { Composed } from './compose.ts'
import { isObject, propertiesOf, typesOf, type Definition, type Schema } from './keywords.ts'
import { below, nameOf } from './pointer.ts'
import { shorten } from './sentences.ts'

/** What can be said about a place in a schema's events. The list is closed. */
export const DESCRIPTOR_KINDS = ['identity', 'relationship', 'label', 'friendly_name', 'rename'] as const
export type DescriptorKind = (typeof DESCRIPTOR_KINDS)[number]

/** The label that a preview masks. */
export const PII = 'pii'

/** What a member of a descriptor's definition must be: a sentence where it is not. */
type MemberCheck = (value: unknown) => string | undefined
interface MemberRule {
  readonly required?: true
  readonly check: MemberCheck
}

const MOST_LABELS = 16
const LABEL = /^[a-z][a-z0-9_-]{0,62}$/
/** Postgres text holds no NUL, and a column's doc is one line. */
const LINE = /^[^\u0000-\u001f\u007f]{1,200}$/

const line: MemberCheck = (value) =>
  typeof value === 'string' && LINE.test(value) ? undefined : 'must be a text of 1 to 200 characters, on one line'
const truth: MemberCheck = (value) => (typeof value === 'boolean' ? undefined : 'must be true or false')
const uri: MemberCheck = (value) =>
  typeof value === 'string' && value.length <= 500 && URL.canParse(value) ? undefined : 'must be the URI of a schema'
const place: MemberCheck = (value) =>
  typeof value === 'string' && stepsOf(value)?.length !== 0 && stepsOf(value) !== undefined
    ? undefined
    : 'must be a JSON pointer to a place in an event\'s data, as "/visitor"'
const labels: MemberCheck = (value) =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.length <= MOST_LABELS &&
  value.every((one) => typeof one === 'string' && LABEL.test(one)) &&
  new Set(value).size === value.length
    ? undefined
    : `must be a list of 1 to ${MOST_LABELS} different labels, each a lower-case letter and then up to 62 of a-z, 0-9, _ and -`

const RULES: Readonly<Record<DescriptorKind, Readonly<Record<string, MemberRule>>>> = {
  identity: { namespace: { check: line }, primary: { check: truth } },
  relationship: { to: { required: true, check: uri }, field: { check: place } },
  label: { labels: { required: true, check: labels } },
  friendly_name: { name: { required: true, check: line } },
  rename: { from: { required: true, check: place } },
}

/**
 * Checks what a descriptor says, by itself: its kind's members and no others, and a place. Throws
 * `descriptor_invalid` with a fault for each.
 */
export function checkDescriptor(kind: DescriptorKind, definition: Definition, pointer: string | undefined): void {
  const rules = RULES[kind]
  const faults: Fault[] = []
  if (pointer === undefined || pointer === '') {
    faults.push({
      pointer: '/pointer',
      keyword: 'required',
      message: 'is required: the place in an event that this is about',
    })
  }
  for (const [name, { required, check }] of Object.entries(rules)) {
    const at = `/definition${pointerOf([name])}`
    if (!Object.hasOwn(definition, name)) {
      if (required) faults.push({ pointer: at, keyword: 'required', message: 'is required' })
      continue
    }
    const message = check(definition[name])
    if (message !== undefined) faults.push({ pointer: at, keyword: name, message })
  }
  for (const name of Object.keys(definition)) {
    if (Object.hasOwn(rules, name)) continue
    const known = Object.keys(rules).join(', ')
    const message = `is not known of the kind ${kind}, which has: ${known}`
    faults.push({ pointer: `/definition${pointerOf([name])}`, keyword: 'additionalProperties', message })
  }
  if (faults.length > 0) throw descriptorInvalid(faults)
}

/** A problem whose sentence is the first of the faults. */
export function descriptorInvalid(faults: readonly Fault[]): Problem {
  const [first] = faults as readonly [Fault, ...Fault[]]
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : ''
  return new Problem('descriptor_invalid', `The descriptor's ${first.pointer} ${first.message}${more}.`, {
    errors: faults.slice(0, 20),
  })
}

/** The steps of a pointer; undefined for what is none. */
export function stepsOf(pointer: string): string[] | undefined {
  if (pointer === '') return []
  if (!pointer.startsWith('/') || /~(?![01])/.test(pointer)) return undefined
  return pointer.slice(1).split('/').map(nameOf)
}

/** Every item of a list, or every value of a map. */
export const EACH = '*'

/** The schema at a place of an event's data; undefined where the composed schema has no such place. */
export function schemaAt(composed: Composed, pointer: string): Schema | undefined {
  let here: Schema | undefined = composed.schema
  for (const step of stepsOf(pointer) ?? ['']) {
    if (!isObject(here)) return undefined
    const types = typesOf(here)
    const properties = propertiesOf(here)
    if (types?.includes('array') === true) here = step === EACH ? (here['items'] as Schema | undefined) : undefined
    else if (Object.hasOwn(properties, step)) here = properties[step]
    else if (branchProperties(here).has(step)) here = true
    else if (step === EACH && isObject(here['additionalProperties'])) here = here['additionalProperties'] as Schema
    else return undefined
  }
  return here
}

const NAMES_SHOWN = 10

/** That a pointer is no place in events of a schema, and what is to be found where it leaves them. */
export function noPlace(composed: Composed, pointer: string, about: string): string {
  const steps = stepsOf(pointer) ?? []
  let known = Math.max(0, steps.length - 1)
  while (schemaAt(composed, pointerOf(steps.slice(0, known))) === undefined) known -= 1
  const around = pointerOf(steps.slice(0, known))
  const said = `${pointer} is no place in events of ${about}`
  const schema = schemaAt(composed, around)
  const names = isObject(schema) ? Object.keys(propertiesOf(schema)) : []
  if (names.length > 0) {
    const shown = names.slice(0, NAMES_SHOWN).map((name) => shorten(name))
    const some = [...shown, ...(names.length > NAMES_SHOWN ? ['…'] : [])].join(', ')
    return `${said}: ${around === '' ? 'at the top' : `in ${around}`} they have ${some}`
  }
  const hasEach = schemaAt(composed, below(around, EACH)) !== undefined
  return `${said}: ${hasEach ? `in ${around} * stands for every item or value` : `nothing in ${around} has a name`}`
}

const SCALARS = new Set(['string', 'integer'])

/**
 * Whether the composed schema has the place, and one that the kind can be about. A fault, or undefined: an identity is one
 * text or whole number, not a list of them.
 */
export function placeFault(
  kind: DescriptorKind,
  composed: Composed,
  pointer: string,
  about: string,
): Fault | undefined {
  const schema = schemaAt(composed, pointer)
  if (schema === undefined) {
    return { pointer: '/pointer', keyword: 'reference', message: noPlace(composed, pointer, about) }
  }
  if (kind !== 'identity') return undefined
  const types = isObject(schema) ? (typesOf(schema) ?? []).filter((type) => type !== 'null') : []
  if (types.length === 1 && SCALARS.has(types[0] as string) && !isEach(pointer)) return undefined
  return {
    pointer: '/pointer',
    keyword: 'type',
    message: `${pointer} in ${about} is not one text or whole number, which an identity must be`,
  }
}

const isEach = (pointer: string): boolean => (stepsOf(pointer) ?? []).includes(EACH)
