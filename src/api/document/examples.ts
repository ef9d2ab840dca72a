/** What answers look like: one world, in which one thing leads to the next. The contract test holds each to its schema. */
const AT = '2026-11-25T08:00:00.000000Z'
const ID = {
  tenant: '01936f1e-8a40-7c3d-9f00-000000000001',
  class: '01936f1e-8a40-7c3d-9f00-000000000002',
  datatype: '01936f1e-8a40-7c3d-9f00-000000000003',
  fieldGroup: '01936f1e-8a40-7c3d-9f00-000000000004',
  schema: '01936f1e-8a40-7c3d-9f00-000000000005',
  descriptor: '01936f1e-8a40-7c3d-9f00-000000000006',
  dataset: '01936f1e-8a40-7c3d-9f00-000000000007',
  key: '01936f1e-8a40-7c3d-9f00-000000000008',
  event: '01936f1e-8a40-7c3d-9f00-000000000009',
}
const TIMES = { created_at: AT, updated_at: AT }
const CLASS = 'https://ns.azothedge.com/pdm/class/interaction-event'
const uri = (name: string): string => `https://example.com/${name}`
const page = (item: object): object => ({ items: [item], next_cursor: null })
const TIMESTAMP = { type: 'string', format: 'date-time' }

const tenant = { id: ID.tenant, slug: 'acme', name: 'Acme', status: 'active', metadata: {}, ...TIMES }
const suspended = { ...tenant, status: 'suspended' }

/** An entity of each kind, by its collection. */
const ENTITIES = {
  classes: {
    id: ID.class,
    uri: uri('classes/visit'),
    title: 'Visit',
    definition: { type: 'object', properties: { timestamp: TIMESTAMP }, required: ['timestamp'] },
  },
  datatypes: {
    id: ID.datatype,
    uri: uri('datatypes/place'),
    title: 'Place',
    definition: { type: 'object', properties: { city: { type: 'string' }, country: { type: 'string' } } },
  },
  'field-groups': {
    id: ID.fieldGroup,
    uri: uri('field-groups/visitor'),
    title: 'Visitor',
    definition: { type: 'object', properties: { visitor: { type: 'string' } } },
    class_uri: CLASS,
  },
  schemas: {
    id: ID.schema,
    uri: uri('schemas/page-view'),
    title: 'Page view',
    definition: { type: 'object', properties: { page: { type: 'string' } }, required: ['page'] },
    class_uri: CLASS,
    field_group_uris: [uri('field-groups/visitor')],
    composed: {
      type: 'object',
      properties: { timestamp: TIMESTAMP, visitor: { type: 'string' }, page: { type: 'string' } },
      required: ['timestamp', 'page'],
      additionalProperties: false,
    },
  },
  descriptors: {
    id: ID.descriptor,
    uri: uri('descriptors/page-view-visitor'),
    title: 'Who looked',
    definition: { namespace: 'visitor-id', primary: true },
    schema_uri: uri('schemas/page-view'),
    kind: 'identity',
    pointer: '/visitor',
  },
}

const entityExamples = (): Record<string, object> =>
  Object.fromEntries(
    Object.entries(ENTITIES).flatMap(([collection, own]) => {
      const entity = { ...own, status: 'draft', version: 1, ...TIMES }
      const published = { ...entity, status: 'published', published_at: AT }
      return [
        [`POST /v1/${collection} 201`, entity],
        [`GET /v1/${collection} 200`, page(published)],
        [`GET /v1/${collection}/{id} 200`, published],
        [`PATCH /v1/${collection}/{id} 200`, published],
        [`DELETE /v1/${collection}/{id} 200`, { ...published, status: 'archived' }],
      ]
    }),
  )

const dataset = {
  id: ID.dataset,
  slug: 'page-views',
  name: 'Page views',
  schema_uri: uri('schemas/page-view'),
  schema_id: ID.schema,
  table: `pulse_${ID.tenant.replaceAll('-', '')}.page-views`,
  ...TIMES,
}
const SNAPSHOT = { snapshot_id: '4231983741122334455', committed_at: AT }
const withFacts = {
  ...dataset,
  rows: 2,
  files: 1,
  bytes: 4096,
  ...SNAPSHOT,
  location: `file:///var/lib/pulse/warehouse/${dataset.table.replace('.', '/')}`,
}

const key = {
  id: ID.key,
  name: 'website',
  scopes: ['collect'],
  status: 'active',
  rotated_from: null,
  created_at: AT,
  expires_at: null,
  last_used_at: AT,
}
const madeKey = { ...key, last_used_at: null, key: `pulse_${ID.key}_…` }

const letter = {
  id: '42',
  at: AT,
  dataset: 'page-views',
  event_id: ID.event,
  reason: 'invalid',
  pointer: '/data/page',
  error: 'must be a string',
  source: `pulse.${ID.tenant}.events.raw/0/17`,
  trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
  received_at: AT,
  bytes: 153,
  relayed_at: null,
  replayed_at: null,
}

const CHECKS = { postgres: true, kafka: true, minio: true }
const METRICS =
  '# HELP pulse_api_collect_events_total Events by what became of them.\n# TYPE pulse_api_collect_events_total counter\npulse_api_collect_events_total{tenant="acme",dataset="page-views",outcome="accepted"} 2\n'

/** By operation and status, for the routes whose schemas do not carry one. */
export const ANSWERS: Readonly<Record<string, unknown>> = {
  'GET /health 200': { status: 'ok' },
  'GET /health 503': { status: 'hung' },
  'GET /ready 200': { status: 'ready', checks: CHECKS },
  'GET /ready 503': { status: 'not_ready', checks: { ...CHECKS, kafka: false } },
  'GET /metrics/ 200': METRICS,
  'POST /v1/tenants 201': tenant,
  'GET /v1/tenants 200': page(tenant),
  'GET /v1/tenants/{id} 200': tenant,
  'PATCH /v1/tenants/{id} 200': suspended,
  ...entityExamples(),
  'POST /v1/datasets 201': dataset,
  'GET /v1/datasets 200': page(withFacts),
  'GET /v1/datasets/{dataset} 200': withFacts,
  'PATCH /v1/datasets/{dataset} 200': { ...withFacts, name: 'Views of pages' },
  'GET /v1/datasets/{dataset}/preview 200': {
    dataset: 'page-views',
    ...SNAPSHOT,
    total_rows: 2,
    columns: [
      { name: 'timestamp', type: 'timestamptz' },
      { name: 'page', type: 'string' },
    ],
    rows: [{ timestamp: AT, page: '/pricing' }],
  },
  'POST /v1/collect 202': {
    accepted: 1,
    rejected: 0,
    failed: 0,
    results: [{ event_id: ID.event, status: 'accepted' }],
  },
  'GET /v1/datasets/{dataset}/dead-letters 200': page(letter),
  'GET /v1/dead-letters 200': page({ ...letter, dataset: null, reason: 'unknown_dataset' }),
  'POST /v1/keys 201': madeKey,
  'GET /v1/keys 200': page(key),
  'GET /v1/keys/{id} 200': key,
  'PATCH /v1/keys/{id} 200': { ...key, limits: { events_per_second: 100 } },
  'DELETE /v1/keys/{id} 200': { ...key, status: 'revoked' },
  'POST /v1/keys/{id}/rotate 201': { ...madeKey, rotated_from: ID.event },
}
