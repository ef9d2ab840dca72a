import type { Sql } from '../store/index.ts'
import type { LimitName } from './rules.ts'

/** As somebody asks for them: a member that is null, or left out, is no limit. */
export type WantedLimits = { readonly [N in LimitName]?: number | null }

/**
 * Sets what a tenant or a key (`subject`: its id) may send, whole: what is not named is not limited any more. In the caller's
 * transaction, which is bound to the tenant.
 */
export async function keepLimits(sql: Sql, tenantId: string, subject: string, wanted: WantedLimits): Promise<void> {
  const values = [wanted.events_per_second, wanted.bytes_per_second, wanted.events_per_day, wanted.bytes_per_day]
  if (values.every((value) => value === undefined || value === null)) {
    await sql.query('DELETE FROM limits WHERE subject = $1', [subject])
    return
  }
  await sql.query(
    `INSERT INTO limits (subject, tenant_id, events_per_second, bytes_per_second, events_per_day, bytes_per_day)
     VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (subject) DO UPDATE SET events_per_second = excluded.events_per_second,
       bytes_per_second = excluded.bytes_per_second, events_per_day = excluded.events_per_day, bytes_per_day = excluded.bytes_per_day`,
    [subject, tenantId, ...values.map((value) => value ?? null)],
  )
}
