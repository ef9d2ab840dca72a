import { PROBLEMS, type ProblemCode } from '../../problems/index.ts'

const PUTS = /^(POST|PATCH|PUT) /
const ENTITY = String.raw`/v1/(classes|datatypes|field-groups|schemas|descriptors)`
const entities = (how: string): RegExp => new RegExp(`^(${how}) ${ENTITY}(/\\{id\\})?$`)
const DATASETS = String.raw`^(POST|PATCH) /v1/datasets(/\{dataset\})?$`
const IMPACT = String.raw`POST /v1/schemas/\{id\}/impact`
/** Where a definition is judged, composed or made a table of. */
const COMPOSES = new RegExp(`${entities('POST|PATCH').source}|${DATASETS}|^${IMPACT}`)
const SENDS = /^POST .*(\/collect|\/replay|\/batch)$/
/** Whether an operation sends events. */
export const isSending = (operation: string): boolean => SENDS.test(operation)
const CHANGES = /^(POST|PATCH|DELETE) \/v1\/(?!collect$|schemas\/infer$|schemas\/\{id\}\/impact$)/
/** Whether an operation changes what Postgres holds, so that somebody else may be at the same. */
export const isChanging = (operation: string): boolean => CHANGES.test(operation)
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
  conflict: CHANGES,
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
  schema_not_published: new RegExp(`${DATASETS}|^${IMPACT}`),
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
