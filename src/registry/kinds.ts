import type { EntityKind, EntityStatus } from '../pdm/index.ts'

export type { EntityKind, EntityStatus }

/**
 * The five kinds of PDM entities go one path; this table holds all that differs. `collection` is the
 * path's word, `noun` the sentence's.
 */
export const ENTITY_KINDS = {
  class: { collection: 'classes', noun: 'class' },
  field_group: { collection: 'field-groups', noun: 'field group' },
  datatype: { collection: 'datatypes', noun: 'datatype' },
  schema: { collection: 'schemas', noun: 'schema' },
  descriptor: { collection: 'descriptors', noun: 'descriptor' },
} as const satisfies Record<EntityKind, unknown>

/** An entity as the registry keeps it. `definition` and `composed` are JSON text. */
export interface Entity {
  readonly id: string
  readonly kind: EntityKind
  /** Seeded by Pulse: every tenant sees it, nobody changes it. */
  readonly system: boolean
  readonly uri: string
  readonly title: string
  readonly status: EntityStatus
  readonly definition: string
  readonly class_uri: string | null
  readonly field_group_uris: readonly string[]
  readonly schema_uri: string | null
  readonly descriptor_kind: string | null
  readonly pointer: string | null
  /** Frozen at publish; null before. Only schemas have one. */
  readonly composed: string | null
  /** Which part says what of which field (JSON text); null of what was published before this was kept. */
  readonly origins: string | null
  readonly version: number
  readonly supersedes: string | null
  readonly created_at: string
  readonly updated_at: string
  readonly published_at: string | null
}

/** What a client gives for a new entity; which members apply depends on the kind. */
export interface NewEntity {
  readonly uri: string
  readonly title: string
  /** JSON text of an object, kept as it was sent. */
  readonly definition: string
  readonly class_uri?: string | undefined
  readonly field_group_uris?: readonly string[] | undefined
  readonly schema_uri?: string | undefined
  readonly kind?: string | undefined
  readonly pointer?: string | undefined
  readonly supersedes?: string | undefined
}

/** What is named is changed; all but title and status in draft only, and only what the kind has. */
export interface EntityChange {
  readonly title?: string | undefined
  readonly definition?: string | undefined
  readonly class_uri?: string | undefined
  readonly field_group_uris?: readonly string[] | undefined
  readonly pointer?: string | undefined
  readonly status?: EntityStatus | undefined
}
