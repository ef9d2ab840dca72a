import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withPostgres } from '../kit/postgres.ts'

test('every table that no policy of a tenant guards says in its comment that it is a system table, and why', async (t) => {
  const postgres = await withPostgres(t)
  const found = await postgres.sql('admin').query<{ name: string; comment: string | null }>(
    `SELECT c.relname AS name, obj_description(c.oid) AS comment FROM pg_class c
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname <> 'pulse_migrations'
       AND NOT (c.relrowsecurity AND c.relforcerowsecurity) ORDER BY 1`,
  )
  assert.deepEqual(
    found.map((table) => table.name),
    [
      'ledger_epochs',
      'limit_buckets',
      'settings_recorded',
      'settled_marks',
      'settled_offsets',
      'source_partitions',
      'upkeep_turns',
      'worker_members',
    ],
  )
  for (const { name, comment } of found) assert.match(comment ?? '', /^System table: .{10,}/, name)
})
