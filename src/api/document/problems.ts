import { PROBLEMS, PROBLEM_EXAMPLES, type ProblemCode } from '../../problems/index.ts'

type Json = Record<string, unknown>

const PUTS = /^(POST|PATCH|PUT) /
const ENTITY = String.raw`/v1/(classes|datatypes|field-groups|schemas|descriptors)`
const entities = (how: string): RegExp => new RegExp(`^(${how}) ${ENTITY}(/\\{id\\})?$`)
const IMPACT = String.raw`POST /v1/schemas/\{id\}/impact`
/** Where a definition is judged, composed or made a table of. */
const COMPOSES = new RegExp(`${entities('POST|PATCH').source}|^(POST|PATCH) /v1/datasets|^${IMPACT}`)
const SENDS = /^POST .*(\/collect|\/replay|\/batch)$/
const OF_A_TENANT = /^\w+ \/v1\/(?!tenants|operator)/

/**
 * Which operations (`POST /v1/datasets`) a code can come from; one that is not here may come from any that
 * documents its status. The contract test holds every answer of the API's tests to it.
 */
const ONLY_AT: Readonly<Partial<Record<ProblemCode, RegExp>>> = {
  tenant_required: OF_A_TENANT,
  tenant_malformed: OF_A_TENANT,
  tenant_unknown: OF_A_TENANT,
  tenant_mismatch: OF_A_TENANT,
  tenant_suspended: OF_A_TENANT,
  read_only: entities('PATCH|DELETE'),
  not_found: /\{/,
  unknown_dataset: /impact$|\/preview$|\/replay$|\/batch$/,
  unknown_snapshot: /\/preview$/,
  tenant_slug_taken: /^POST \/v1\/tenants$/,
  dataset_slug_taken: /^POST \/v1\/datasets$/,
  uri_taken: entities('POST'),
  in_use: entities('PATCH|DELETE'),
  all_rejected: SENDS,
  publish_failed: SENDS,
  empty_events: /\/collect$|\/infer$|\/batch$/,
  lifecycle_forward_only: entities('PATCH|DELETE'),
  definition_frozen: entities('PATCH'),
  definition_invalid: COMPOSES,
  descriptor_invalid: /\/v1\/descriptors|\/v1\/schemas/,
  reference_not_found: COMPOSES,
  reference_not_published: COMPOSES,
  composition_conflict: COMPOSES,
  schema_too_large: new RegExp(`${COMPOSES.source}|/infer$`),
  reserved_name: COMPOSES,
  columns_collide: COMPOSES,
  pattern_unsupported: COMPOSES,
  schema_not_published: new RegExp(`^(POST|PATCH) /v1/datasets|^${IMPACT}`),
  schema_needs_timestamp: COMPOSES,
  breaking_change: /^PATCH \/v1\/datasets/,
  // A verdict of an event, never of a request.
  number_out_of_range: /^$/,
  invalid: PUTS,
}

/** The codes that an operation may answer a status with, in the order of the table. */
export const codesAt = (operation: string, status: number): ProblemCode[] =>
  (Object.keys(PROBLEMS) as ProblemCode[]).filter(
    (code) => PROBLEMS[code].status === status && (ONLY_AT[code]?.test(operation) ?? true),
  )

const VERDICTS: Json = {
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
        errors: { $ref: '#/components/schemas/Problem/properties/errors' },
      },
    },
  },
}
const USER: Json = {
  type: 'object',
  required: ['kind', 'id'],
  properties: {
    kind: { type: 'string' },
    id: { type: 'string' },
    uri: { type: ['string', 'null'] },
    slug: { type: ['string', 'null'] },
    status: { type: ['string', 'null'] },
  },
}

const LIMIT: Json = {
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
}

/** What a problem says besides what all say. */
const MORE: Readonly<Partial<Record<ProblemCode, Json>>> = {
  all_rejected: VERDICTS,
  publish_failed: VERDICTS,
  rate_limited: LIMIT,
  quota_exceeded: LIMIT,
  in_use: {
    used_by: { type: 'array', items: USER },
    used_by_total: { type: 'integer', description: 'How many there are; the first fifty are named.' },
  },
  precondition_failed: {
    etag: { type: 'string', description: 'Of what is there now.' },
    changed: { type: 'array', items: { type: 'string' }, description: 'The members that differ from what you saw.' },
  },
}
/** Where a file stands that was refused while it was read. */
const STANDING: Json = {
  batch_id: { type: 'string', format: 'uuid' },
  upload_offset: { type: 'integer', description: 'Bytes of the unpacked file that are settled: send from there.' },
  accepted: { type: 'integer' },
  rejected: { type: 'integer' },
  results_url: { type: 'string' },
}
const UPLOADS = /\/batch$/
/** A body that is one event: that it cannot be read, or is too large, is its verdict. */
const ALONE: ReadonlySet<ProblemCode> = new Set(['malformed', 'too_large'])

const membersOf = (operation: string, codes: readonly ProblemCode[]): Json =>
  Object.assign(
    {},
    UPLOADS.test(operation) ? STANDING : {},
    ...codes.map((code) => MORE[code] ?? (ALONE.has(code) && SENDS.test(operation) ? VERDICTS : {})),
  )

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

/** The component that every problem answer is, and what some of them have besides. */
export const PROBLEM_COMPONENT = {
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
    errors: {
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
  },
}

/** What a problem answer is at one operation: the codes that it may have there, each with an example. */
export function problemAnswer(operation: string, status: number): Json {
  const codes = codesAt(operation, status)
  const more = membersOf(operation, codes)
  return {
    description: codes.map((code) => `\`${code}\`: ${PROBLEMS[code].title}.`).join(' '),
    content: {
      'application/problem+json': {
        schema: {
          type: 'object',
          $ref: '#/components/schemas/Problem',
          properties: { code: { type: 'string', enum: codes }, ...more },
        },
        examples: Object.fromEntries(codes.map((code) => [code, { $ref: `#/components/examples/${code}` }])),
      },
    },
  }
}
