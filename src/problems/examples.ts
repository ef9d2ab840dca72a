import type { Fault, ProblemCode } from './table.ts'

/** How a problem reads, for those who program against it. */
interface ProblemExample {
  readonly detail: string
  readonly errors?: readonly Fault[]
  /** Further members, where the problem has some. */
  readonly members?: Readonly<Record<string, unknown>>
}

const at = (pointer: string, keyword: string, message: string): { errors: readonly Fault[] } => ({
  errors: [{ pointer, keyword, message }],
})
const PLACE = '/definition/properties/place/$ref names the datatype https://example.com/datatypes/place, which'
const DISAGREE =
  'field group https://example.com/field-groups/offer and the schema disagree at /properties/price/type: number and string'
const EVENT_ID = '01936f1e-8a40-7c3d-9f00-5a1b2c3d4e5f'
const verdicts = (status: 'rejected' | 'failed', code: string): { members: Readonly<Record<string, unknown>> } => ({
  members: {
    accepted: 0,
    rejected: status === 'rejected' ? 1 : 0,
    failed: status === 'failed' ? 1 : 0,
    results: [{ event_id: EVENT_ID, status, code }],
  },
})

/** An example of each problem that a documented route answers. `docs/reference/problems.md` says what all have. */
export const PROBLEM_EXAMPLES: Readonly<Partial<Record<ProblemCode, ProblemExample>>> = {
  malformed: { detail: 'The body is not JSON: Unexpected end of JSON input.' },
  tenant_required: { detail: 'Name the tenant in the header X-Tenant-ID: <its id>.' },
  tenant_malformed: { detail: 'X-Tenant-ID must be one UUID, the id of a tenant.' },
  invalid_parameter: {
    detail: 'The query is not valid: /limit must be <= 200.',
    ...at('/limit', 'maximum', 'must be <= 200'),
  },
  tenant_unknown: {
    detail: 'There is no tenant with the id in X-Tenant-ID: create one with POST /v1/tenants.',
  },
  key_required: { detail: 'Show a key: Authorization: Bearer pulse_… (PULSE_AUTH=keys asks for one).' },
  key_invalid: { detail: 'The key is not one that holds: it is revoked, expired or mistyped.' },
  scope_missing: { detail: 'The key lacks the scope manage: ask for one that has it.' },
  tenant_mismatch: { detail: 'X-Tenant-ID names another tenant than the key: leave the header out.' },
  tenant_suspended: { detail: 'The tenant acme is suspended: set its status to active to go on.' },
  read_only: { detail: 'The class belongs to Pulse and cannot be changed: make one of your own.' },
  not_found: { detail: 'There is no dataset "page-vews" here.' },
  unknown_dataset: { detail: 'There is no dataset "page-vews" in this tenant. Make it first, or correct the slug.' },
  unknown_snapshot: {
    detail: 'The table has no snapshot 42: it may have expired. Leave snapshot_id out for the newest.',
  },
  request_timeout: { detail: 'The body did not arrive within 30000 ms (512 bytes did). Nothing of it was accepted.' },
  tenant_slug_taken: { detail: 'The tenant slug acme is taken: choose another.', ...at('/slug', 'unique', 'is taken') },
  dataset_slug_taken: {
    detail: 'The dataset slug page-views is taken in this tenant: choose another.',
    ...at('/slug', 'unique', 'is taken'),
  },
  uri_taken: {
    detail: 'The URI https://example.com/schemas/page-view is taken: a new version has a URI of its own.',
    ...at('/uri', 'unique', 'is taken'),
  },
  conflict: { detail: 'Somebody else is changing the same thing: try again.' },
  in_use: {
    detail:
      'The schema https://example.com/schemas/page-view is used by the dataset page-views: publish one that supersedes it, bind its datasets to another schema first, or say ?force=true. What was published with it stays as it is.',
    members: { used_by: [{ kind: 'dataset', id: EVENT_ID, slug: 'page-views' }], used_by_total: 1 },
  },
  precondition_failed: {
    detail: 'It was changed since you looked: name is another now. Get it again, and decide anew.',
    members: { etag: '"k3f9aQ.x8Yt2B"', changed: ['name'] },
  },
  too_large: { detail: 'The body is larger than this route takes.' },
  unsupported_media_type: { detail: 'The body must be application/json: say so in Content-Type.' },
  invalid: { detail: 'The body is not valid: /slug is required.', ...at('/slug', 'required', 'is required') },
  all_rejected: {
    detail: 'The event was rejected (invalid): /data/page is required.',
    ...at('/data/page', 'required', 'is required'),
    ...verdicts('rejected', 'invalid'),
  },
  empty_events: { detail: '"events" is empty. Send at least one event.' },
  lifecycle_forward_only: { detail: 'It is published and cannot be a draft again: make a new version.' },
  definition_frozen: { detail: 'A published definition stays as it is: make a new version that supersedes it.' },
  definition_invalid: {
    detail: 'The definition at /properties/page/type must be equal to one of the allowed values.',
    ...at('/properties/page/type', 'enum', 'must be equal to one of the allowed values'),
  },
  descriptor_invalid: {
    detail: 'The schema has nothing at /visiter: correct the pointer.',
    ...at('/pointer', 'pointer', 'leads nowhere in the schema'),
  },
  reference_not_found: {
    detail: `${PLACE} is none that this tenant can see: create it first, or correct the URI.`,
    ...at('/definition/properties/place/$ref', 'reference', 'must be the uri of a datatype that this tenant can see'),
  },
  reference_not_published: {
    detail: `${PLACE} is still a draft: publish it first.`,
    ...at(
      '/definition/properties/place/$ref',
      'reference',
      'the datatype https://example.com/datatypes/place is a draft',
    ),
  },
  composition_conflict: {
    detail: `${DISAGREE}. Make the two agree, or leave one of them out.`,
    errors: ['/field_group_uris/0', '/definition/properties/price/type'].map((pointer) => ({
      pointer,
      keyword: 'composition',
      message: DISAGREE,
    })),
  },
  schema_too_large: { detail: 'Composed, the schema has 2100 properties; it may have 2000.' },
  reserved_name: {
    detail: '"_id" begins with "_", which is kept for Pulse\'s own columns. Rename the property.',
    ...at('/properties/_id', 'properties', 'begins with "_"'),
  },
  columns_collide: {
    detail:
      '"Page" and "page" differ only in case, and engines that read the table do not tell them apart. Rename one.',
    ...at('/properties/page', 'properties', 'collides with "Page"'),
  },
  pattern_unsupported: {
    detail: 'The pattern at /properties/code/pattern: a look-ahead cannot run in linear time.',
    ...at('/properties/code/pattern', 'pattern', 'a look-ahead cannot run in linear time'),
  },
  schema_not_published: {
    detail: 'The schema https://example.com/schemas/page-view is a draft: publish it first.',
    ...at('/schema_uri', 'published', 'is a draft'),
  },
  schema_needs_timestamp: {
    detail:
      'A dataset is partitioned by day: its schema needs a required property "timestamp" with "type": "string" and "format": "date-time" (the class interaction-event has it).',
  },
  breaking_change: {
    detail: 'The table cannot become what the schema says: /price was a double and would be text.',
    ...at('/price', 'type', 'was double and would be string'),
  },
  rate_limited: {
    detail: 'The key website may send 2,000 events a second, and has: send it again in 1 s, or ask for more.',
    members: { limit: { of: 'key', name: 'events_per_second', allowed: 2_000 } },
  },
  quota_exceeded: {
    detail:
      'The tenant acme may send 5,000,000,000 bytes a day (UTC), and has: send it again in 3600 s, or ask for more.',
    members: { limit: { of: 'tenant', name: 'bytes_per_day', allowed: 5_000_000_000 } },
  },
  publish_failed: {
    detail:
      'The bus did not acknowledge 1 of 1 events in time. Send those again with the same event_id: a repeat makes no second row.',
    ...verdicts('failed', 'publish_failed'),
  },
  dependency_away: { detail: 'Postgres does not answer: try again a little later.' },
  overloaded: { detail: 'The bus is slower than the events that arrive. Send it again a little later.' },
  internal: {
    detail: 'Something broke in Pulse, not in your request. Try again; if it stays, report the trace_id.',
  },
  draining: { detail: 'This server is stopping: send the request again, another one takes it.' },
}
