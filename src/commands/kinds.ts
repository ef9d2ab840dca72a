import type { Call, Option } from './verb.ts'

/** One of the five kinds of the registry, as it is typed. */
export interface Kind {
  readonly word: string
  readonly noun: string
  readonly collection: string
  /** What is given besides title and definition, and of a draft given anew. */
  readonly more: readonly Option[]
  /** What is given once and stays, besides the uri. */
  readonly once?: readonly Option[]
  /** What its list can be narrowed by, and how the API calls it. */
  readonly filters: readonly (readonly [option: Option, name: string])[]
  /** Its definition may be left out. */
  readonly isBare?: true
  /** Columns of its list besides those that all have. */
  readonly columns: readonly string[]
  readonly example: string
  /** Members of the request from what was given. */
  membersOf(call: Call): Readonly<Record<string, unknown>>
}

const CLASS = { flags: '--class <uri>', says: 'the class that it builds on' } as const

const CLASS_FILTER: Option = { flags: '--class <uri>', says: 'only those of it' }

/** All five. */
export const KINDS: readonly Kind[] = [
  {
    word: 'schema',
    noun: 'schema',
    collection: 'schemas',
    more: [CLASS, { flags: '--field-group <uri>', says: 'mixed in; give it again for more', isRepeated: true }],
    filters: [[CLASS_FILTER, 'class_uri']],
    columns: ['class_uri'],
    example:
      'page-view.json --uri https://example.com/schemas/page-view --class https://ns.azothedge.com/pdm/class/interaction-event',
    membersOf: (call) => {
      const groups = call.every('fieldGroup')
      return { class_uri: call.option('class'), ...(groups.length > 0 && { field_group_uris: groups }) }
    },
  },
  {
    word: 'field-group',
    noun: 'field group',
    collection: 'field-groups',
    more: [{ flags: '--class <uri>', says: 'the class of the schemas that may take it' }],
    filters: [[CLASS_FILTER, 'class_uri']],
    columns: ['class_uri'],
    example:
      'visitor.json --uri https://example.com/field-groups/visitor --class https://ns.azothedge.com/pdm/class/interaction-event',
    membersOf: (call) => ({ class_uri: call.option('class') }),
  },
  {
    word: 'class',
    noun: 'class',
    collection: 'classes',
    more: [],
    filters: [],
    columns: [],
    example: 'visit.json --uri https://example.com/classes/visit',
    membersOf: () => ({}),
  },
  {
    word: 'datatype',
    noun: 'datatype',
    collection: 'datatypes',
    more: [],
    filters: [],
    columns: [],
    example: 'place.json --uri https://example.com/datatypes/place',
    membersOf: () => ({}),
  },
  {
    word: 'descriptor',
    noun: 'descriptor',
    collection: 'descriptors',
    once: [
      { flags: '--schema <uri>', says: 'the schema that it is about' },
      { flags: '--kind <kind>', says: 'identity, relationship, label, friendly_name or rename' },
    ],
    more: [{ flags: '--pointer <pointer>', says: 'the place in the event, as /user/email' }],
    isBare: true,
    filters: [
      [{ flags: '--schema <uri>', says: 'only those about it' }, 'schema_uri'],
      [{ flags: '--kind <kind>', says: 'only those' }, 'kind'],
    ],
    columns: ['kind', 'pointer', 'schema_uri'],
    example:
      '--uri https://example.com/descriptors/visitor --schema https://example.com/schemas/page-view --kind identity --pointer /visitor',
    membersOf: (call) => ({
      schema_uri: call.option('schema'),
      kind: call.option('kind'),
      pointer: call.option('pointer'),
    }),
  },
]
