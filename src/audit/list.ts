import { Problem } from '../problems/index.ts'
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

/** What is asked for; all of it together. Instants as RFC 3339: `from` is within, `to` is not. */
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
 * `invalid_parameter` for a cursor that no list answered and a time that is none, `dependency_away`.
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
    instant('from', query.from),
    instant('to', query.to),
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

const FIRST_MS = Date.parse('0001-01-01T00:00:00Z')
const LAST_MS = Date.parse('9999-12-31T00:00:00Z')

/** Postgres knows neither every offset nor every leap second that a client may write. */
function instant(name: 'from' | 'to', text: string | undefined): string | null {
  if (text === undefined) return null
  const ms = Date.parse(text)
  if (ms >= FIRST_MS && ms <= LAST_MS) return precise(text, ms)
  throw new Problem('invalid_parameter', `${name} is no time: write it as 2026-11-25T08:00:00Z.`, {
    errors: [{ pointer: `/${name}`, keyword: 'time', message: 'must be an instant, RFC 3339' }],
  })
}

/** With the microseconds that an answer of ours has and a Date has not. */
function precise(text: string, ms: number): string {
  const micros = /\.\d{3}(\d{1,3})\d*Z?/i.exec(text)?.[1] ?? ''
  return new Date(ms).toISOString().replace('Z', `${micros}Z`)
}
