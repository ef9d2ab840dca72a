import { uuidv7 } from '../event/index.ts'
import { keepLimits, type Limits, type WantedLimits } from '../limits/index.ts'
import { Problem } from '../problems/index.ts'
import { rfc3339, type Sql, type Store } from '../store/index.ts'
import { mintKey } from './format.ts'
import type { Scope } from './scopes.ts'

/** A key as the API answers it; its secret is in none. */
export interface Key {
  readonly id: string
  readonly name: string
  readonly scopes: readonly Scope[]
  readonly status: 'active' | 'expired' | 'revoked'
  readonly rotated_from: string | null
  readonly created_at: string
  readonly expires_at: string | null
  readonly last_used_at: string | null
  /** Null: it may send as much as its tenant. */
  readonly limits: Limits | null
}

/** With the key itself, once. */
interface MadeKey extends Key {
  readonly key: string
}

interface NewKey {
  readonly name: string
  readonly scopes: readonly Scope[]
  readonly expiresAt?: string | undefined
  readonly limits?: WantedLimits | undefined
}

interface KeyChange {
  readonly name?: string | undefined
  /** Whole: what is not named is not limited any more. */
  readonly limits?: WantedLimits | undefined
}

const time = (column: string): string => `${rfc3339(column)} AS ${column}`
const COLUMNS = `id, name, scopes, rotated_from, ${time('created_at')}, ${time('expires_at')}, ${time('last_used_at')},
  CASE WHEN revoked_at IS NOT NULL THEN 'revoked' WHEN expires_at <= now() THEN 'expired' ELSE 'active' END AS status, limits_of(id) AS limits`
const LOCK = 'SELECT FROM api_keys WHERE id = $1 FOR NO KEY UPDATE'
const GET = `SELECT ${COLUMNS} FROM api_keys WHERE id = $1`
/** When a key was to end before rotations gave it an end: as the last that took its place does. */
const END = `WITH RECURSIVE line AS (
    SELECT id, expires_at FROM api_keys WHERE id = $1
    UNION ALL SELECT k.id, k.expires_at FROM api_keys k JOIN line ON k.rotated_from = line.id)
  SELECT ${time('expires_at')} FROM line ORDER BY line.expires_at DESC NULLS FIRST LIMIT 1`
/** Of one tenant: a list of all of them stays one answer. */
const MOST_KEYS = 1_000

/** A new key of the tenant's. Throws `invalid` where it has a thousand, `dependency_away`. */
export const createKey = (store: Store, tenantId: string, wanted: NewKey): Promise<MadeKey> =>
  store.asTenant(tenantId, (sql) => insert(sql, tenantId, wanted, null), { name: 'key' })

/** Newest first, those that are over included. */
export const listKeys = (store: Store, tenantId: string): Promise<Key[]> =>
  store.asTenant(
    tenantId,
    (sql) => sql.query<Key>(`SELECT ${COLUMNS} FROM api_keys ORDER BY created_at DESC, id DESC`),
    { name: 'key' },
  )

/** Undefined where the tenant has no such key. */
export const getKey = (store: Store, tenantId: string, id: string): Promise<Key | undefined> =>
  store.asTenant(tenantId, async (sql) => (await sql.query<Key>(GET, [id]))[0], { name: 'key' })

/** The key as it is until the transaction ends: nobody changes it, nor its limits, meanwhile. */
async function locked(sql: Sql, id: string): Promise<Key | undefined> {
  // By a question of its own: what a statement looks up beside the row that it waited for is as old as the statement.
  await sql.query(LOCK, [id])
  return (await sql.query<Key>(GET, [id]))[0]
}

/** Another name, other limits: effective everywhere within two seconds. Undefined where there is no such key. `check` looks at the locked row first, and may throw. */
export const patchKey = (
  store: Store,
  tenantId: string,
  id: string,
  { name, limits }: KeyChange,
  check?: (current: Key) => void,
): Promise<Key | undefined> =>
  store.asTenant(
    tenantId,
    async (sql) => {
      const current = await locked(sql, id)
      if (current === undefined) return undefined
      check?.(current)
      if (limits !== undefined) await keepLimits(sql, tenantId, id, limits)
      await sql.query('UPDATE api_keys SET name = coalesce($2, name), changed_at = clock_timestamp() WHERE id = $1', [
        id,
        name ?? null,
      ])
      return (await sql.query<Key>(GET, [id]))[0]
    },
    { name: 'key' },
  )

/**
 * No process takes it from two seconds later on. Again changes nothing. Undefined where there is no such key. `check` looks at the
 * locked row first, and may throw.
 */
export const revokeKey = (
  store: Store,
  tenantId: string,
  id: string,
  check?: (current: Key) => void,
): Promise<Key | undefined> =>
  store.asTenant(
    tenantId,
    async (sql) => {
      const current = check === undefined ? undefined : await locked(sql, id)
      if (current !== undefined) check?.(current)
      const [key] = await sql.query<Key>(
        `UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()), changed_at = clock_timestamp() WHERE id = $1 RETURNING ${COLUMNS}`,
        [id],
      )
      return key
    },
    { name: 'key' },
  )

/**
 * A new key in the place of an old one, with its name, scopes, limits and end (also where it is rotated again, because an answer was lost); the old one holds for `overlapSeconds` more, so that whoever
 * has it can change over. Undefined where there is no such key; throws `conflict` where it holds no longer. `check`
 * looks at the locked row first, and may throw.
 */
export const rotateKey = (
  store: Store,
  tenantId: string,
  id: string,
  overlapSeconds: number,
  check?: (current: Key) => void,
): Promise<MadeKey | undefined> =>
  store.asTenant(
    tenantId,
    async (sql) => {
      const old = await locked(sql, id)
      if (old === undefined) return undefined
      check?.(old)
      if (old.status !== 'active')
        throw new Problem(
          'conflict',
          `The key is ${old.status} and has no place to fill: make a new one with POST /v1/keys.`,
        )
      const [end] = await sql.query<Pick<Key, 'expires_at'>>(END, [id])
      await sql.query(
        `UPDATE api_keys SET expires_at = least(expires_at, now() + make_interval(secs => $2)), changed_at = clock_timestamp() WHERE id = $1`,
        [id, overlapSeconds],
      )
      const { name, scopes, limits } = old
      const wanted = { name, scopes, expiresAt: end?.expires_at ?? undefined, limits: limits ?? undefined }
      return insert(sql, tenantId, wanted, id)
    },
    { name: 'key' },
  )

async function insert(sql: Sql, tenantId: string, wanted: NewKey, rotatedFrom: string | null): Promise<MadeKey> {
  const [count] = await sql.query<{ many: boolean }>('SELECT count(*) >= $1 AS many FROM api_keys', [MOST_KEYS])
  if (count?.many === true)
    throw new Problem('invalid', `The tenant has ${MOST_KEYS} keys, those that are over included: no more are made.`)
  const id = uuidv7()
  const { text, digest } = mintKey(id)
  if (wanted.limits !== undefined) await keepLimits(sql, tenantId, id, wanted.limits)
  const [key] = await sql.query<Key>(
    `INSERT INTO api_keys (id, tenant_id, name, scopes, secret_hash, expires_at, rotated_from)
     VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING ${COLUMNS}`,
    [id, tenantId, wanted.name, wanted.scopes, digest, wanted.expiresAt ?? null, rotatedFrom],
  )
  return { ...(key as Key), key: text }
}
