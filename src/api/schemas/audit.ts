import { Type } from 'typebox'
import { Id, PAGE_QUERY, Time, closed, nullable, pageOf } from './wire.ts'

const LIFECYCLE = ['create', 'update', 'publish', 'archive', 'delete']
/** What can be done to each; `delete` only by hand, in the database. */
const VERBS = {
  tenant: ['create', 'update', 'suspend', 'resume', 'delete'],
  class: LIFECYCLE,
  field_group: LIFECYCLE,
  datatype: LIFECYCLE,
  schema: LIFECYCLE,
  descriptor: LIFECYCLE,
  dataset: ['create', 'update', 'bind', 'delete'],
  key: ['create', 'update', 'rotate', 'revoke', 'delete'],
  limits: ['create', 'update', 'delete'],
  settings: ['create', 'update'],
}
const ENTITIES = Object.keys(VERBS)
const ACTIONS = Object.entries(VERBS).flatMap(([entity, verbs]) => verbs.map((verb) => `${entity}.${verb}`))
const Action = Type.Enum(ACTIONS, { description: '`<entity>.<verb>`; delete is of rows that went by hand.' })

/** What a change was from or to: members by the names of their columns. */
const State = (description: string) => nullable(Type.Object({}, { additionalProperties: true, description }))

const EXAMPLE = {
  id: '0f7c9a52-7d3e-4a4c-9a51-7b1f0c0e2d11',
  at: '2026-11-25T08:00:00.123456Z',
  actor: 'key:01980000-0000-7000-8000-000000000001',
  action: 'schema.publish',
  entity: 'schema',
  entity_id: '01980000-0000-7000-8000-000000000002',
  name: 'https://example.com/schemas/page-view',
  before: { status: 'draft', published_at: null },
  after: { status: 'published', published_at: '2026-11-25T08:00:00.123400+00:00' },
  trace_id: '0af7651916cd43dd8448eb211c80319c',
}

const CHANGE = {
  id: Type.String({ format: 'uuid' }),
  at: Time,
  actor: Type.String({
    description:
      '`key:<id>` and `operator:<id>` of who showed that key, `open` where none is asked for, `pulse:<process>` for Pulse itself, `database:<role>` for whoever changed rows by hand.',
  }),
  action: Action,
  entity: Type.Enum(ENTITIES),
  entity_id: nullable(Id),
  name: Type.String({
    description: 'Its slug, URI or name at that time; of limits whose they are (tenant, key), of settings the plane.',
  }),
  before: State('Of an update the members that differ, of a delete all, of what is new null.'),
  after: State('Of an update the members that differ, of what is new all that have a value, of a delete null.'),
  trace_id: nullable(Type.String({ description: 'Of the request that made the change.' })),
}
const OF = { tenant_id: nullable(Type.String({ format: 'uuid', description: 'Null: of the installation.' })) }

const page = <T extends Parameters<typeof pageOf>[0]>(item: T, example: object) => ({
  ...pageOf(item),
  examples: [{ items: [example], next_cursor: null }],
})

export const AuditPage = page(Type.Object(CHANGE), EXAMPLE)
export const OperatorAuditPage = page(Type.Object({ ...CHANGE, ...OF }), {
  ...EXAMPLE,
  tenant_id: '01980000-0000-7000-8000-00000000000a',
})

export const AuditQuery = closed({
  ...PAGE_QUERY,
  entity: Type.Optional(Type.Enum(ENTITIES, { description: 'What kind of thing was changed.' })),
  id: Type.Optional(Type.String({ format: 'uuid', description: 'The one thing that was changed.' })),
  action: Type.Optional(Action),
  actor: Type.Optional(
    Type.String({
      maxLength: 200,
      pattern: '^(open|(key|operator|pulse|database):[^\\u0000]+)$',
      description: 'As in the items, such as `key:<id>`.',
    }),
  ),
  trace_id: Type.Optional(
    Type.String({
      pattern: '^[0-9a-f]{32}$',
      description: 'What one request changed: the second part of its traceparent.',
    }),
  ),
  from: Type.Optional(Type.String({ format: 'date-time', maxLength: 64, description: 'RFC 3339: from then on.' })),
  to: Type.Optional(Type.String({ format: 'date-time', maxLength: 64, description: 'RFC 3339: before then.' })),
})

export const OperatorAuditQuery = closed({
  ...AuditQuery.properties,
  tenant_id: Type.Optional(
    Type.String({ format: 'uuid', description: 'What is of this tenant, also while it is suspended.' }),
  ),
})
