import { PROBLEMS, PROBLEM_EXAMPLES, type ProblemCode } from '../../problems/index.ts'
import { codesAt, isSending } from './codes.ts'

type Json = Record<string, unknown>

/** What some problems say besides what all say. */
const MORE = {
  Verdicts: {
    type: 'object',
    description: 'A verdict an event, where none was accepted.',
    properties: {
      accepted: { type: 'integer' },
      rejected: { type: 'integer' },
      failed: { type: 'integer' },
      results: {
        type: 'array',
        description: 'One verdict per event, in order.',
        items: {
          type: 'object',
          required: ['event_id', 'status'],
          properties: {
            event_id: { type: ['string', 'null'] },
            status: { type: 'string', enum: ['accepted', 'rejected', 'failed'] },
            code: { type: 'string' },
            errors: { $ref: '#/components/schemas/Faults' },
          },
        },
      },
    },
  },
  ReachedLimit: {
    type: 'object',
    properties: {
      limit: {
        type: 'object',
        description: 'Which limit, and whose.',
        required: ['of', 'name', 'allowed'],
        properties: {
          of: { type: 'string', enum: ['tenant', 'key'] },
          name: { type: 'string', enum: ['events_per_second', 'bytes_per_second', 'events_per_day', 'bytes_per_day'] },
          allowed: { type: 'integer' },
        },
      },
    },
  },
  Users: {
    type: 'object',
    properties: {
      used_by: {
        type: 'array',
        items: {
          type: 'object',
          required: ['kind', 'id'],
          properties: {
            kind: { type: 'string' },
            id: { type: 'string' },
            uri: { type: ['string', 'null'] },
            slug: { type: ['string', 'null'] },
            status: { type: ['string', 'null'] },
          },
        },
      },
      used_by_total: { type: 'integer', description: 'How many there are; the first fifty are named.' },
    },
  },
  Changed: {
    type: 'object',
    properties: {
      etag: { type: 'string', description: 'Of what is there now.' },
      changed: { type: 'array', items: { type: 'string' }, description: 'The members that differ from what you saw.' },
    },
  },
  Standing: {
    type: 'object',
    description: 'Where a file stands that was refused while it was read.',
    properties: {
      batch_id: { type: 'string', format: 'uuid' },
      upload_offset: { type: 'integer', description: 'Bytes of the unpacked file that are settled: send from there.' },
      accepted: { type: 'integer' },
      rejected: { type: 'integer' },
      results_url: { type: 'string' },
    },
  },
} as const
type More = keyof typeof MORE

const OF_CODE: Readonly<Partial<Record<ProblemCode, More>>> = {
  all_rejected: 'Verdicts',
  publish_failed: 'Verdicts',
  rate_limited: 'ReachedLimit',
  quota_exceeded: 'ReachedLimit',
  in_use: 'Users',
  precondition_failed: 'Changed',
}
const UPLOADS = /\/batch$/
/** A body that is one event: that it cannot be read, or is too large, is its verdict. */
const ALONE: ReadonlySet<ProblemCode> = new Set(['malformed', 'too_large'])

function moreAt(operation: string, codes: readonly ProblemCode[]): ReadonlySet<More> {
  const ofCodes = codes.map(
    (code) => OF_CODE[code] ?? (ALONE.has(code) && isSending(operation) ? 'Verdicts' : undefined),
  )
  return new Set([
    ...(UPLOADS.test(operation) ? (['Standing'] as const) : []),
    ...ofCodes.filter((one) => one !== undefined),
  ])
}

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736'

function exampleOf(code: ProblemCode): { summary: string; value: Json } {
  const { status, title } = PROBLEMS[code]
  const { detail, errors, members } = PROBLEM_EXAMPLES[code] ?? { detail: `${title}.` }
  const value = { type: `urn:pulse:problem:${code}`, title, status, code, detail, instance: '/v1/…' }
  return {
    summary: title,
    value: { ...value, trace_id: TRACE_ID, ...(errors === undefined ? {} : { errors }), ...members },
  }
}

/** An example of each problem, which the operations refer to. */
export const problemExamples = (): Json =>
  Object.fromEntries((Object.keys(PROBLEMS) as ProblemCode[]).map((code) => [code, exampleOf(code)]))

/** The components that problem answers are made of: what all say, and what some of them say besides. */
export const PROBLEM_COMPONENTS: Json = {
  Problem: {
    type: 'object',
    description: 'RFC 9457. Decide by `code`, which is stable; `detail` is for people.',
    required: ['type', 'title', 'status', 'code', 'detail', 'instance'],
    properties: {
      type: { type: 'string', description: '`urn:pulse:problem:` and the code.' },
      title: { type: 'string' },
      status: { type: 'integer' },
      code: { type: 'string', enum: Object.keys(PROBLEMS) },
      detail: { type: 'string', description: 'What happened, and what to do.' },
      instance: { type: 'string', description: 'The path that was asked for.' },
      trace_id: { type: 'string', description: 'Finds the request in logs and traces.' },
      errors: { $ref: '#/components/schemas/Faults' },
    },
  },
  Faults: {
    type: 'array',
    description: 'Each fault with its place.',
    items: {
      type: 'object',
      required: ['pointer', 'keyword', 'message'],
      properties: {
        pointer: { type: 'string', description: 'RFC 6901, into the body; `/` and a name for a parameter.' },
        keyword: { type: 'string' },
        message: { type: 'string' },
      },
    },
  },
  ...MORE,
}

const component = (name: string): Json => ({ $ref: `#/components/schemas/${name}` })

/** What a problem answer is at one operation: the codes that it may have there, each with an example. */
export function problemAnswer(operation: string, status: number): Json {
  const codes = codesAt(operation, status)
  const more = [...moreAt(operation, codes)].map(component)
  return {
    description: codes.map((code) => `\`${code}\`: ${PROBLEMS[code].title}.`).join(' '),
    content: {
      'application/problem+json': {
        // Not beside a `$ref`: whoever generates a client from 3.0 drops what stands there.
        schema: {
          allOf: [component('Problem'), { type: 'object', properties: { code: { enum: codes } } }, ...more],
        },
        examples: Object.fromEntries(codes.map((code) => [code, { $ref: `#/components/examples/${code}` }])),
      },
    },
  }
}
