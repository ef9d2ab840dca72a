import type { ErrorObject } from 'ajv'
import type { Fault } from '../problems/index.ts'
import { NUMBER_FORMATS } from './formats.ts'
import { RANGE } from './numbers.ts'
import { below } from './pointer.ts'

/** `[precision, scale]` where ajv says it (its verbose mode). */
const decimalSentence = (schema: unknown): string => {
  const [precision, scale] = Array.isArray(schema) ? (schema as number[]) : []
  const size =
    precision === undefined ? '' : `, of at most ${precision} digits, ${String(scale)} of them after the point`
  return `must be a decimal written as text${size}, as in "12.50"`
}

/** What ajv found, as a fault: where, which rule, and a sentence's end that says what must be. */
export function faultOf({ instancePath, keyword, params, schema }: ErrorObject): Fault {
  const p = params as Record<string, unknown>
  const at = (message: string, pointer = instancePath, rule = keyword): Fault => ({ pointer, keyword: rule, message })
  switch (keyword) {
    case 'additionalProperties':
    case 'unevaluatedProperties': {
      const name = String(p['additionalProperty'] ?? p['unevaluatedProperty'])
      return at(`the schema does not have "${shorten(name)}"`, below(instancePath, name))
    }
    case 'required':
      return at(`"${String(p['missingProperty'])}" is required`, below(instancePath, String(p['missingProperty'])))
    case 'dependentRequired':
      return at(`"${String(p['missingProperty'])}" is required beside "${String(p['property'])}"`)
    case 'type':
      return at(`must be ${([] as string[]).concat(p['type'] as string | string[]).join(' or ')}`)
    case 'format':
      return formatFault(String(p['format']), at)
    case 'decimal':
      return at(decimalSentence(schema))
    case 'enum':
      return at(`must be one of ${shorten(JSON.stringify(p['allowedValues']), 200)}`)
    case 'among':
      return at(`must be one of ${shorten(JSON.stringify(schema ?? 'the values listed'), 200)}`, undefined, 'enum')
    case 'const':
      return at(`must be ${shorten(JSON.stringify(p['allowedValue']))}`)
    case 'pattern':
      return at(`must match ${shorten(String(p['pattern']), 200)}`)
    case 'minimum':
    case 'maximum':
    case 'exclusiveMinimum':
    case 'exclusiveMaximum':
      return at(`must be ${String(p['comparison'])} ${String(p['limit'])}`)
    case 'minLength':
    case 'maxLength':
      return at(`must have at ${keyword === 'minLength' ? 'least' : 'most'} ${String(p['limit'])} characters`)
    case 'minItems':
    case 'maxItems':
      return at(`must have at ${keyword === 'minItems' ? 'least' : 'most'} ${String(p['limit'])} items`)
    case 'minProperties':
    case 'maxProperties':
      return at(`must have at ${keyword === 'minProperties' ? 'least' : 'most'} ${String(p['limit'])} properties`)
    case 'multipleOf':
      return at(`must be a multiple of ${String(p['multipleOf'])}`)
    case 'uniqueItems':
      return at('must not hold the same item twice')
    case 'contains':
      return at('does not hold the items that it must contain')
    case 'propertyNames':
      return at(`the name "${shorten(String(p['propertyName']))}" is not allowed`)
    case 'oneOf':
      return at(
        p['passingSchemas'] === null ? 'fits none of the forms of oneOf' : 'fits more than one of the forms of oneOf',
      )
    case 'anyOf':
      return at('fits none of the forms of anyOf')
    case 'not':
      return at('has the form that is ruled out')
    case 'if':
      return at(`must fit "${String(p['failingKeyword'])}"`)
    case 'false schema':
      return at('is not allowed')
    default:
      return at(`does not fit "${keyword}"`)
  }
}

const FORMAT_SENTENCES: ReadonlyMap<string, string> = new Map([
  [
    'date-time',
    'must be an RFC 3339 date and time with "T" and an offset or "Z", a real day, and no second 60, as in 2026-11-25T08:00:00Z',
  ],
  [
    'pulse-event-time',
    'must be an RFC 3339 date and time with "T" and an offset or "Z", a real day in the years 1970 to 2200, and no second 60, as in 2026-11-25T08:00:00Z',
  ],
  ['date', 'must be a real day, as in 2026-11-25'],
  ['time', 'must be a time without offset, as in 08:00:00 or 08:00:00.5'],
  ['uuid', 'must be a UUID in the form 8-4-4-4-12 hexadecimal digits'],
  ['int32', 'must be a whole number of 32 bits: -2147483648 to 2147483647'],
  ['int64', 'must be a whole number of 64 bits: -9223372036854775808 to 9223372036854775807'],
  ['float', 'must fit single precision: a whole number exactly, anything else at most 3.4e38'],
  ['double', 'must fit double precision'],
])

function formatFault(format: string, at: (message: string, pointer?: string, keyword?: string) => Fault): Fault {
  const message = FORMAT_SENTENCES.get(format) ?? `must have the format ${format}`
  return NUMBER_FORMATS.has(format) ? at(message, undefined, RANGE) : at(message)
}

/** At most so many characters of a text, for a sentence. */
export const shorten = (text: string, to = 80): string => (text.length <= to ? text : `${text.slice(0, to - 1)}…`)
