import { Type, type TSchema } from 'typebox'
import { DESCRIPTOR_KINDS } from '../../pdm/index.ts'
import type { EntityKind } from '../../registry/index.ts'
import { Definition, FILTER, Id, Name, PAGE_QUERY, Time, Uri, closed, nullable, pageOf } from './wire.ts'

const Status = Type.Enum(['draft', 'published', 'archived'])
const DescriptorKind = Type.Enum([...DESCRIPTOR_KINDS], {
  description:
    'identity {namespace?, primary?}: who or what it is about. relationship {to, field?}: leads to another schema. label {labels}: pii masks it. friendly_name {name}. rename {from}: what the version before called it. Each with its members in the definition.',
})
/** A kind as it stands: what was made before the list was closed may have none of it. */
const StoredKind = Type.String({ description: 'identity, relationship, label, friendly_name or rename.' })
const Pointer = Type.String({
  maxLength: 500,
  pattern: '^(/([^~\\u0000]|~[01])*)?$',
  description:
    'RFC 6901: the place in an event that the descriptor is about; * for every item of a list or value of a map.',
})
const FieldGroupUris = Type.Array(Uri, { maxItems: 64, uniqueItems: true })

const Part = Type.Object({
  kind: Type.Enum(['class', 'field_group', 'schema']),
  uri: Uri,
  datatype: Type.Optional(Type.String({ description: 'What the part took it from.' })),
})
const Column = Type.Object({
  id: Type.Integer({ description: 'The Iceberg field id in a new table.' }),
  path: Type.String({ examples: ['place.city', 'tags.element'] }),
  pointer: nullable(Type.String({ description: "The place in an event's data; null for Pulse's own columns." })),
  type: Type.String({ examples: ['timestamptz', 'decimal(10, 2)', 'struct'] }),
  required: Type.Boolean(),
  json: Type.Optional(Type.Literal(true, { description: 'The value is kept as JSON text.' })),
  doc: Type.Optional(Type.String({ description: "What the table's column says to other engines." })),
  friendly_name: Type.Optional(Type.String()),
  labels: Type.Optional(Type.Array(Type.String())),
  from: Type.Array(Part, { description: 'Who says what it is, in the order of composition.' }),
})
/** What a schema means for a table; only in answers about one schema. */
const FACTS = {
  columns: Type.Optional(
    nullable(Type.Array(Column, { description: 'The columns of a table for it; null while it composes to none.' })),
  ),
  warnings: Type.Optional(
    Type.Array(Type.Object({ pointer: Type.String(), keyword: Type.String(), message: Type.String() }), {
      description: 'What is kept otherwise than one might expect, with its place in the composed schema.',
    }),
  ),
}

/** What a kind adds to the members that all entities have: in a request, and in an answer. */
const ADDED: Readonly<
  Record<EntityKind, { readonly asked: Record<string, TSchema>; readonly answered: Record<string, TSchema> }>
> = {
  class: { asked: {}, answered: {} },
  datatype: { asked: {}, answered: {} },
  field_group: { asked: { class_uri: Type.Optional(Uri) }, answered: { class_uri: Uri } },
  schema: {
    asked: { class_uri: Type.Optional(Uri), field_group_uris: Type.Optional(FieldGroupUris) },
    answered: {
      class_uri: Uri,
      field_group_uris: FieldGroupUris,
      composed: nullable(
        Type.Object(
          {},
          {
            additionalProperties: true,
            description: 'The effective JSON Schema; null while the parts of a draft do not fit.',
          },
        ),
      ),
      ...FACTS,
    },
  },
  descriptor: {
    asked: { schema_uri: Uri, kind: DescriptorKind, pointer: Type.Optional(Pointer) },
    answered: { schema_uri: Uri, kind: StoredKind, pointer: nullable(Pointer) },
  },
}

/** What a draft of a kind can be given anew, besides what all can. */
const PATCHED: Readonly<Record<EntityKind, Record<string, TSchema>>> = {
  class: {},
  datatype: {},
  field_group: { class_uri: Type.Optional(Uri) },
  schema: { class_uri: Type.Optional(Uri), field_group_uris: Type.Optional(FieldGroupUris) },
  descriptor: { pointer: Type.Optional(Pointer) },
}

const CLASS = 'https://ns.azothedge.com/pdm/class/interaction-event'
const uri = (name: string): string => `https://example.com/${name}`
const PLACE = { type: 'object', properties: { city: { type: 'string' }, country: { type: 'string' } } }

/** What the reference shows as the body that makes one, without `$ref`: viewers follow one in an example, too. */
const EXAMPLES: Readonly<Record<EntityKind, object>> = {
  class: {
    uri: uri('classes/visit'),
    title: 'Visit',
    definition: {
      type: 'object',
      properties: { timestamp: { type: 'string', format: 'date-time' } },
      required: ['timestamp'],
    },
  },
  datatype: { uri: uri('datatypes/place'), title: 'Place', definition: PLACE },
  field_group: {
    uri: uri('field-groups/visitor'),
    title: 'Visitor',
    class_uri: CLASS,
    definition: { type: 'object', properties: { visitor: { type: 'string' }, campaign: { type: 'string' } } },
  },
  schema: {
    uri: uri('schemas/page-view'),
    title: 'Page view',
    class_uri: CLASS,
    field_group_uris: [uri('field-groups/visitor')],
    definition: { type: 'object', properties: { page: { type: 'string' } }, required: ['page'] },
  },
  descriptor: {
    uri: uri('descriptors/page-view-visitor'),
    title: 'Who looked',
    schema_uri: uri('schemas/page-view'),
    kind: 'identity',
    pointer: '/visitor',
    definition: { namespace: 'visitor-id', primary: true },
  },
}

/** The schemas of one kind's routes. */
export function entitySchemas(kind: EntityKind) {
  const { asked, answered } = ADDED[kind]
  const document = Type.Object({
    id: Id,
    uri: Uri,
    title: Name,
    status: Status,
    definition: Definition,
    version: Type.Integer(),
    supersedes: Type.Optional(Uri),
    ...answered,
    created_at: Time,
    updated_at: Time,
    published_at: Type.Optional(Time),
  })
  return {
    document,
    page: pageOf(document),
    create: closed(
      {
        uri: Uri,
        title: Name,
        ...asked,
        // What a kind needs not, may be left out altogether.
        definition: kind === 'descriptor' ? Type.Optional(Definition) : Definition,
        supersedes: Type.Optional(Uri),
      },
      { examples: [EXAMPLES[kind]] },
    ),
    patch: closed(
      {
        title: Type.Optional(Name),
        definition: Type.Optional(Definition),
        status: Type.Optional(Status),
        ...PATCHED[kind],
      },
      { minProperties: 1, examples: [{ status: 'published' }] },
    ),
  }
}

const filter = (description: string) => Type.Optional(Type.String({ ...FILTER, description }))

/** What a kind's list can be filtered by, besides what all can. */
const FILTERS: Readonly<Record<EntityKind, Record<string, TSchema>>> = {
  class: {},
  datatype: {},
  field_group: { class_uri: filter('Those for this class.') },
  schema: { class_uri: filter('Those of this class.') },
  descriptor: {
    schema_uri: filter('Those about this schema.'),
    kind: Type.Optional(Type.Enum([...DESCRIPTOR_KINDS])),
  },
}

export const entityQuery = (kind: EntityKind) =>
  closed({
    ...PAGE_QUERY,
    uri: filter('The one of this URI.'),
    status: Type.Optional(Status),
    supersedes: filter('Those that supersede this URI.'),
    uses: filter('Those that refer to this URI themselves.'),
    ...FILTERS[kind],
  })

export const ForceQuery = closed({
  force: Type.Optional(Type.Boolean({ default: false, description: 'Archive it although something uses it.' })),
})
