import { instantOf } from '../event/index.ts'
import { pageOf, positionOf, type Page, type PageQuery } from '../registry/index.ts'
import { rfc3339, type Store } from '../store/index.ts'

/** One change. `before` and `after` are JSON text of an object: of an update the members that differ, else all that had a value. */
export interface AuditRow {
  readonly id: string
  readonly at: string
  readonly actor: string
  readonly action: string
  readonly entity: string
  readonly entity_id: string | null
  readonly name: string
  readonly before: string | null
  readonly after: string | null
  readonly trace_id: string | null
  /** Of whom; null: of the installation. */
  readonly tenant_id: string | null
}

/** What is asked for; all of it together. Instants as `instantOf` takes them: `from` is within, `to` is not. */
interface AuditQuery extends PageQuery {
  readonly entity?: string | undefined
  readonly id?: string | undefined
  readonly action?: string | undefined
  readonly actor?: string | undefined
  readonly trace_id?: string | undefined
  readonly from?: string | undefined
  readonly to?: string | undefined
}

const COLUMNS = `id, ${rfc3339('at')} AS at, actor, action, entity, entity_id, name, before::text AS before, after::text AS after, trace_id, tenant_id`
const OWN = `SELECT ${COLUMNS} FROM audit a
  WHERE ($2::timestamptz IS NULL OR (a.at, a.id) < ($2::timestamptz, $3::uuid))
    AND ($4::timestamptz IS NULL OR a.at >= $4) AND ($5::timestamptz IS NULL OR a.at < $5)
    AND ($6::text IS NULL OR a.entity = $6) AND ($7::uuid IS NULL OR a.entity_id = $7)
    AND ($8::text IS NULL OR a.action = $8) AND ($9::text IS NULL OR a.actor = $9)
    AND ($10::text IS NULL OR a.trace_id = $10)
  ORDER BY a.at DESC, a.id DESC LIMIT $1`
const ALL = `SELECT ${COLUMNS} FROM audit_list($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`

/**
 * What was changed, newest first: what belongs to the tenant, or without one everything, the installation's own included. Throws
 * `invalid_parameter` for a cursor that no list answered, `dependency_away`.
 */
export async function listAudit(
  store: Store,
  tenantId: string | undefined,
  query: AuditQuery,
): Promise<Page<AuditRow>> {
  const { createdAt, id } = positionOf(query.cursor)
  const values = [
    query.limit + 1,
    createdAt,
    id,
    instant(query.from),
    instant(query.to),
    query.entity ?? null,
    query.id ?? null,
    query.action ?? null,
    query.actor ?? null,
    query.trace_id ?? null,
  ]
  const rows =
    tenantId === undefined
      ? await store.asSystem((sql) => sql.query<AuditRow>(ALL, values), { name: 'audit' })
      : await store.asTenant(tenantId, (sql) => sql.query<AuditRow>(OWN, values), { name: 'audit' })
  const { items, next_cursor } = pageOf(
    rows.map((row) => ({ created_at: row.at, id: row.id, row })),
    query.limit,
  )
  return { items: items.map(({ row }) => row), next_cursor }
}

/** What is none is refused by the route; Postgres knows not every offset that a client may write. */
const instant = (text: string | undefined): string | null => (text === undefined ? null : (instantOf(text) ?? null))
