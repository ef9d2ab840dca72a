import type { FastifyError } from 'fastify'
import { Problem, type Fault, type ProblemCode } from '../problems/index.ts'
import { NO_NUL } from './schemas/wire.ts'

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8'

/** A problem as RFC 9457 text. `instance` is the path that was asked for. */
export function problemText(problem: Problem, at: { readonly instance: string; readonly traceId: string }): string {
  return JSON.stringify({
    type: `urn:pulse:problem:${problem.code}`,
    title: problem.title,
    status: problem.status,
    code: problem.code,
    detail: problem.message,
    instance: at.instance,
    trace_id: at.traceId,
    ...(problem.errors === undefined || problem.errors.length === 0 ? {} : { errors: problem.errors }),
    ...problem.members,
  })
}

/** Fastify's own errors by code: everything else with a 4xx status is `malformed`. */
const FASTIFY: Readonly<Record<string, readonly [ProblemCode, string]>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'unsupported_media_type',
    'The body must be application/json: say so in Content-Type.',
  ],
  FST_ERR_CTP_BODY_TOO_LARGE: ['too_large', 'The body is larger than this route takes (1 MiB).'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['malformed', 'The body is empty: send a JSON object.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['malformed', 'The body is shorter or longer than Content-Length says.'],
  FST_ERR_BAD_URL: ['malformed', 'The path is not a well-formed URL path.'],
  FST_ERR_MAX_PARAM_LENGTH: ['not_found', 'The path is longer than any that exists.'],
}

/** SQLSTATEs that input or a neighbour can cause although every check passed: never a 500. */
function fromPostgres(error: { readonly code?: unknown; readonly severity?: unknown }): Problem | undefined {
  if (typeof error.code !== 'string' || typeof error.severity !== 'string') return undefined
  if (error.code.startsWith('22'))
    return new Problem('invalid', 'A value cannot be stored as it is: look for unusual characters or numbers.', {
      cause: error,
    })
  if (['40001', '40P01', '55P03'].includes(error.code)) {
    return new Problem('conflict', 'Somebody else is changing the same thing: try again.', { cause: error })
  }
  return undefined
}

/** Any error as a Problem. Total; what nobody foresaw is `internal`, and the caller announces it. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (!(error instanceof Error)) return new Problem('internal', INTERNAL)
  if (error.name === 'CommitUnknown') {
    return new Problem(
      'dependency_away',
      'Postgres went away before it confirmed. Look whether the change is there, then try again.',
      { retryAfterSeconds: 1, cause: error },
    )
  }
  const known = FASTIFY[(error as FastifyError).code]
  if (known !== undefined) return new Problem(known[0], known[1], { cause: error })
  const stored = fromPostgres(error as { code?: unknown; severity?: unknown })
  if (stored !== undefined) return stored
  const status = (error as FastifyError).statusCode
  if (status !== undefined && status >= 400 && status < 500)
    return new Problem('malformed', `The request cannot be read: ${error.message}.`, { cause: error })
  return new Problem('internal', INTERNAL, { cause: error })
}

const INTERNAL = 'Something broke in Pulse, not in your request. Try again; if it stays, report the trace_id.'

/** What ajv says, as faults: the pointer names the member itself, also one that is missing or too many. */
export function faultsOf(
  errors: ReadonlyArray<{
    instancePath: string
    keyword: string
    message?: string | undefined
    params: Record<string, unknown>
    /** Of `verbose` validators: what the place must be is said in its schema's words. */
    parentSchema?: object | undefined
  }>,
): Fault[] {
  return errors.slice(0, MAX_FAULTS).map(({ instancePath, keyword, message, params, parentSchema }) => {
    const member = params['missingProperty'] ?? params['additionalProperty']
    const pointer = typeof member === 'string' ? `${instancePath}/${escape(member)}` : instancePath
    const said = (parentSchema as { readonly description?: unknown } | undefined)?.description
    if (keyword === 'pattern' && typeof said === 'string' && /^An? /.test(said))
      return { pointer, keyword, message: `must be a${said.slice(1).replace(/\.$/, '')}` }
    return { pointer, keyword, message: sentence(keyword, message ?? 'is not valid', params) }
  })
}

const MAX_FAULTS = 50
const escape = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1')

/** Counts as people say them, by keyword: ajv's own would be "must NOT have fewer than 1 characters". */
const COUNTED: Readonly<Record<string, (limit: unknown) => string>> = {
  minLength: (limit) => (limit === 1 ? 'must not be empty' : `must have at least ${String(limit)} characters`),
  maxLength: (limit) => `must have at most ${String(limit)} characters`,
  minItems: (limit) => (limit === 1 ? 'must not be empty' : `must have at least ${String(limit)} items`),
  maxItems: (limit) => `must have at most ${String(limit)} items`,
  minProperties: (limit) =>
    limit === 1 ? 'must have at least one member' : `must have at least ${String(limit)} members`,
  maxProperties: (limit) => `must have at most ${String(limit)} members`,
}

function sentence(keyword: string, message: string, params: Record<string, unknown>): string {
  if (keyword === 'required') return 'is required'
  if (keyword === 'additionalProperties') return 'is not known here'
  if (keyword === 'const') return `must be ${JSON.stringify(params['allowedValue'])}`
  if (keyword === 'enum')
    return `must be one of ${(params['allowedValues'] as unknown[]).map((one) => JSON.stringify(one)).join(', ')}`
  if (params['format'] === 'date-time') return 'must be an instant with its zone (RFC 3339), as 2026-11-25T08:00:00Z'
  if (keyword === 'uniqueItems') return 'must not hold the same item twice'
  if (keyword === 'pattern' && params['pattern'] === NO_NUL) return 'must not hold the character U+0000'
  return COUNTED[keyword]?.(params['limit']) ?? message
}
