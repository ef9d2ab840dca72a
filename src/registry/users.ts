import { Problem } from '../problems/index.ts'
import type { Sql } from '../store/index.ts'
import { ENTITY_KINDS, type Entity, type EntityKind, type EntityStatus } from './kinds.ts'

/** Who refers to an entity. */
interface User {
  readonly kind: EntityKind | 'dataset'
  readonly id: string
  readonly uri?: string
  readonly slug?: string
  readonly status?: EntityStatus
}

const SHOWN = 50
// What describes a schema goes with it; what leads to it from elsewhere uses it.
const ENTITIES = `SELECT kind, id, uri, status, count(*) OVER ()::int AS total FROM pdm_entities
  WHERE uses @> ARRAY[$1] AND status <> 'archived' AND uri <> $1 AND NOT (kind = 'descriptor' AND schema_uri = $1)
  ORDER BY created_at, id LIMIT ${SHOWN}`
const DATASETS = `SELECT 'dataset' AS kind, id, slug, count(*) OVER ()::int AS total FROM pdm_datasets
  WHERE schema_uri = $1 ORDER BY created_at, id LIMIT ${SHOWN}`
const SUCCESSOR = `SELECT 1 FROM pdm_entities WHERE supersedes = $1 AND status = 'published' LIMIT 1`

/** Throws `in_use` with those who use the entity, unless a published one supersedes it. */
export async function requireUnused(sql: Sql, entity: Entity): Promise<void> {
  const found = [
    ...(await sql.query<User & { total: number }>(ENTITIES, [entity.uri])),
    ...(entity.kind === 'schema' ? await sql.query<User & { total: number }>(DATASETS, [entity.uri]) : []),
  ]
  if (found.length === 0) return
  if ((await sql.query(SUCCESSOR, [entity.uri])).length > 0) return
  const users = found.slice(0, SHOWN).map(({ total: _total, ...user }): User => user)
  const total = [true, false]
    .map((isDataset) => found.find((user) => (user.kind === 'dataset') === isDataset)?.total ?? 0)
    .reduce((sum, some) => sum + some)
  const named = users.slice(0, 3).map(nameOf).join(', ')
  const remedies = [
    ...(found.some((user) => user.kind !== 'dataset') ? ['archive those'] : []),
    ...(found.some((user) => user.kind === 'dataset') ? ['bind its datasets to another schema'] : []),
  ].join(' and ')
  const more = total > 3 ? ` and ${total - 3} more` : ''
  throw new Problem(
    'in_use',
    `The ${ENTITY_KINDS[entity.kind].noun} ${entity.uri} is used by ${named}${more}: publish one that supersedes it, ${remedies} first, or say ?force=true. What was published with it stays as it is.`,
    {
      errors: users.map((user) => ({ pointer: '/status', keyword: 'used_by', message: `is used by ${nameOf(user)}` })),
      members: { used_by: users, used_by_total: total },
    },
  )
}

const nameOf = (user: User): string =>
  user.kind === 'dataset'
    ? `the dataset ${user.slug}`
    : `the ${ENTITY_KINDS[user.kind].noun} ${user.uri} (${user.status})`
