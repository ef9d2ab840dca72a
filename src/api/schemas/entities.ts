import { Type, type TSchema } from 'typebox'
import type { EntityKind } from '../../registry/index.ts'
import { Definition, Id, Name, PAGE_QUERY, Time, Uri, closed, nullable, pageOf } from './wire.ts'

const Status = Type.Enum(['draft', 'published', 'archived'])
const DescriptorKind = Type.Enum(['identity', 'relationship', 'label'])
const Pointer = Type.String({
  maxLength: 500,
  pattern: '^(/([^~\\u0000]|~[01])*)?$',
  description: 'RFC 6901: the place in the schema that the descriptor is about.',
})
const FieldGroupUris = Type.Array(Uri, { maxItems: 64, uniqueItems: true })

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
    },
  },
  descriptor: {
    asked: { schema_uri: Uri, kind: DescriptorKind, pointer: Type.Optional(Pointer) },
    answered: { schema_uri: Uri, kind: DescriptorKind, pointer: nullable(Pointer) },
  },
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
        // A descriptor says what it says in kind and pointer; a definition of its own is optional.
        definition: kind === 'descriptor' ? Type.Optional(Definition) : Definition,
        supersedes: Type.Optional(Uri),
      },
      { examples: [EXAMPLES[kind]] },
    ),
  }
}

export const PatchEntity = closed(
  { title: Type.Optional(Name), definition: Type.Optional(Definition), status: Type.Optional(Status) },
  { minProperties: 1, examples: [{ status: 'published' }] },
)
export const EntityQuery = closed({
  ...PAGE_QUERY,
  uri: Type.Optional(Type.String({ maxLength: 500, pattern: '^[^\\u0000]*$' })),
  status: Type.Optional(Status),
})
