/**
 * The closed table of everything that can be wrong, as a user meets it: a stable code, the HTTP
 * status it answers with, and a title. The sentence (`detail`) is written where the problem is
 * found, because only that place knows what to do about it. `docs/reference/problems.md` lists
 * exactly these (a test compares them).
 */
export const PROBLEMS = {
  // 400: the request cannot be read
  malformed: { status: 400, title: 'The request cannot be read' },
  tenant_required: { status: 400, title: 'No tenant was named' },
  tenant_malformed: { status: 400, title: 'The tenant id is not a UUID' },
  invalid_parameter: { status: 400, title: 'A parameter has a value that cannot be used' },
  // 401, 403: who is asking
  tenant_unknown: { status: 401, title: 'No such tenant' },
  key_required: { status: 401, title: 'No key was shown' },
  key_invalid: { status: 401, title: 'The key is not valid' },
  scope_missing: { status: 403, title: 'The key may not do this' },
  tenant_mismatch: { status: 403, title: 'The key is of another tenant' },
  tenant_suspended: { status: 403, title: 'The tenant is suspended' },
  read_only: { status: 403, title: 'It belongs to Pulse and cannot be changed' },
  // 404: not there, or not yours
  not_found: { status: 404, title: 'Not found' },
  unknown_dataset: { status: 404, title: 'No such dataset' },
  unknown_snapshot: { status: 404, title: 'No such snapshot' },
  method_not_allowed: { status: 405, title: 'The method does not apply here' },
  request_timeout: { status: 408, title: 'The request did not arrive in time' },
  // 409: taken
  tenant_slug_taken: { status: 409, title: 'The tenant slug is taken' },
  dataset_slug_taken: { status: 409, title: 'The dataset slug is taken' },
  uri_taken: { status: 409, title: 'The URI is taken' },
  conflict: { status: 409, title: 'Somebody else changed this first' },
  in_use: { status: 409, title: 'Something still uses it' },
  precondition_failed: { status: 412, title: 'It was changed since you looked' },
  // 413, 415
  too_large: { status: 413, title: 'Too large' },
  unsupported_media_type: { status: 415, title: 'The media type cannot be read' },
  // 422: understood but not allowed
  invalid: { status: 422, title: 'Not valid' },
  all_rejected: { status: 422, title: 'Every event was rejected' },
  empty_events: { status: 422, title: 'There are no events' },
  lifecycle_forward_only: { status: 422, title: 'The lifecycle only goes forward' },
  definition_frozen: { status: 422, title: 'The definition can change only in draft' },
  definition_invalid: { status: 422, title: 'The definition is not usable' },
  descriptor_invalid: { status: 422, title: 'The descriptor does not fit its schema' },
  reference_not_found: { status: 422, title: 'A reference cannot be seen' },
  reference_not_published: { status: 422, title: 'A reference is not published' },
  composition_conflict: { status: 422, title: 'The parts do not fit together' },
  schema_too_large: { status: 422, title: 'The schema is over a limit' },
  reserved_name: { status: 422, title: 'A property name is reserved' },
  columns_collide: { status: 422, title: 'Two properties would be the same column' },
  pattern_unsupported: { status: 422, title: 'A pattern cannot run in linear time' },
  schema_not_published: { status: 422, title: 'The schema is not published' },
  schema_needs_timestamp: { status: 422, title: 'The schema has no usable timestamp' },
  breaking_change: { status: 422, title: 'The change would break the table' },
  number_out_of_range: { status: 422, title: 'A number does not fit its column' },
  // 429, 5xx: not now
  rate_limited: { status: 429, title: 'More a second than is allowed' },
  quota_exceeded: { status: 429, title: 'More a day than is allowed' },
  publish_failed: { status: 503, title: 'The bus did not acknowledge in time' },
  dependency_away: { status: 503, title: 'A dependency is away' },
  overloaded: { status: 503, title: 'The server sheds load' },
  draining: { status: 503, title: 'The server is stopping' },
  internal: { status: 500, title: 'A defect in Pulse' },
} as const satisfies Record<string, { status: number; title: string }>

export type ProblemCode = keyof typeof PROBLEMS

/** One thing wrong inside a document: where (RFC 6901 pointer), which rule, and a sentence. */
export interface Fault {
  readonly pointer: string
  readonly keyword: string
  readonly message: string
}
