import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Client, Pool } from 'pg'
import { openStore, type Sql, type Store } from '../../src/store/index.ts'
import { ownedTables, rowOf, type OwnedTable, type Querier } from '../kit/isolation.ts'
import { withPostgres, type TestPostgres } from '../kit/postgres.ts'

const MINE = '0190aaaa-0000-7000-8000-00000000000a'
const THEIRS = '0190bbbb-0000-7000-8000-00000000000b'

/** Tables that no tenant's policy guards, each with its reason. Anything else without one fails. */
const WITHOUT_POLICY: Readonly<Record<string, string>> = {
  pulse_migrations:
    'which migrations ran; pulse_app may read the names, so that a worker knows whether those of its version did',
  worker_members: 'names of workers and until when they live; every worker reads all of them',
  source_partitions: 'who reads which partition and how far; a worker shares out the partitions of all tenants',
  settled_offsets: 'ids and offsets; read with the partitions',
  settled_marks: 'ids, offsets and times; what was settled long enough ago may leave the bus',
  ledger_epochs: "numbers of the ledger's partitions and when they were opened",
  upkeep_turns: 'when each task of upkeep was last begun',
  limit_buckets: 'how much of a limit is used; row level security lets nobody look, and one function asks',
  settings_recorded: 'what the processes of each plane run with; pulse_app may not touch it',
}

/** Functions that act beyond the bound tenant, each with its reason. Anything else that does fails. */
const DEFINERS: Readonly<Record<string, string>> = {
  tenant_begin: 'mints a tenant, for /v1/tenants, which has none',
  tenant_activate: 'ends the minting',
  tenant_get: 'who is asking, before a tenant can be bound',
  tenant_by_slug: 'the same by name',
  tenant_list: "the operator's list",
  tenant_lock: 'holds a tenant still while its change is looked at; gives nothing back',
  tenant_patch: "the operator's changes",
  key_lookup:
    'whose a key is, before a tenant can be bound: by its id alone, and the answer is useless without the key',
  keys_changed: 'ids of keys that were made or revoked lately, and no more than the ids',
  limits_of: 'what a tenant or a key may send, by its id alone: it travels with what is known of either',
  limit_lease: 'leases a part of what limits leave to a process, and takes note of what was used',
  keys_used: 'notes when a key was used',
  ledger_open: "makes the ledger's next partition; pulse_app may not call it",
  ledger_rotate: 'opens the next partition of the ledger and drops the oldest',
  dead_letters_retain: 'makes the partitions of coming days and drops those of days long gone',
  dead_letters_waiting: 'ids of the tenants that have dead letters to relay, and no more than the ids',
  expired_files_tenants: 'ids of the tenants that have files to delete',
  flushes_prune: 'forgets flushes that nobody can ask about any more',
  intents_to_sweep: "intents whose writer is gone, of all tenants: the sweeper's work list",
  audit_note: 'the trigger that writes what was changed; pulse_app may not call it, nor write what it writes',
  audit_list: "the operator's list of what was changed, of all tenants and of the installation",
  audit_prune: 'forgets what was changed longer ago than the audit is kept',
  settings_record: 'notes what a process was started with',
  intents_condemn: "condemns intents that are too old, of all tenants: the sweeper's first step",
}

const count = async (sql: Querier | Sql, table: OwnedTable, tenantId: string): Promise<number> =>
  Number(
    (await sql.query<{ n: string }>(`SELECT count(*) AS n FROM ${table.name} WHERE ${table.ownedBy(tenantId)}`))[0]?.n,
  )

/** A write was refused by the policy or by the lack of a privilege: 42501 either way. */
const isForbidden = (error: unknown): boolean => (error as { code?: string }).code === '42501'

describe('no tenant reaches another one', () => {
  let postgres: TestPostgres
  let admin: Querier
  let store: Store
  let tables: OwnedTable[] = []
  let untouched: string
  const cleanUp: (() => void | Promise<void>)[] = []
  after(async () => {
    for (const act of cleanUp) await act()
  })

  /** Everything that both tenants own, as one text. */
  const everything = async (): Promise<string> => {
    const parts = await Promise.all(
      tables.map((table) => admin.query(`SELECT to_jsonb(t) AS r FROM ${table.name} t ORDER BY 1`)),
    )
    return JSON.stringify(parts)
  }

  before(async () => {
    postgres = await withPostgres({ after: (act) => void cleanUp.push(act) })
    admin = postgres.sql('admin')
    tables = await ownedTables(admin)
    // A superuser that plays replica checks no foreign keys: each table can have its rows alone.
    const client = new Client({ connectionString: postgres.adminUrl })
    await client.connect()
    await client.query('SET session_replication_role = replica')
    for (const table of tables) {
      for (const tenantId of [MINE, THEIRS]) {
        const row = rowOf(table, tenantId)
        await client.query(row.text, row.values)
      }
    }
    await client.end()
    store = await openStore({ url: postgres.appUrl, poolSize: 1, applicationName: 'pulse attack' }) // one connection: every call reuses it
    cleanUp.unshift(() => Promise.resolve(store[Symbol.asyncDispose]()))
    untouched = await everything()
  })

  test('the tables that have no policy of a tenant are exactly the documented ones, and the app may not touch what it need not', async () => {
    const found = await admin.query<{ name: string }>(`
      SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_toast%'
        AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'tenant_isolation') ORDER BY 1`)
    assert.deepEqual(
      found.map((table) => table.name),
      Object.keys(WITHOUT_POLICY).toSorted(),
    )
    assert.deepEqual(
      await admin.query(
        `SELECT has_table_privilege('pulse_app', 'pulse_migrations', 'INSERT, UPDATE, DELETE, TRUNCATE') AS may`,
      ),
      [{ may: false }],
    )
    const privileges = 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE'
    assert.deepEqual(
      await admin.query(
        `SELECT has_table_privilege('pulse_app', 'settings_recorded', $1) AS settings,
           has_table_privilege('pulse_app', 'audit', 'INSERT, UPDATE, DELETE, TRUNCATE') AS audit,
           has_any_column_privilege('pulse_app', 'audit', 'INSERT, UPDATE') AS columns`,
        [privileges],
      ),
      [{ settings: false, audit: false, columns: false }],
      'the audit is appended to by triggers alone',
    )
    const columns = await admin.query<{ name: string }>(`
      SELECT c.oid::regclass::text AS name FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
      WHERE a.attname = 'tenant_id' AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity`)
    assert.deepEqual(
      columns.map((table) => table.name),
      ['source_partitions'],
      'a tenant_id without row level security',
    )
  })

  test('every tenant-owned table, partitions too, has the policy for reading and writing, enabled and forced', async () => {
    const found = await admin.query<{
      name: string
      enabled: boolean
      forced: boolean
      using: string
      check: string
      command: string
      permissive: boolean
      others: string[] | null
    }>(`
      SELECT c.oid::regclass::text AS name, c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced,
        pg_get_expr(p.polqual, p.polrelid) AS using, pg_get_expr(p.polwithcheck, p.polrelid) AS check, p.polcmd AS command, p.polpermissive AS permissive,
        (SELECT array_agg(o.polname || ' ' || o.polcmd::text ORDER BY 1) FROM pg_policy o WHERE o.polrelid = c.oid AND o.oid <> p.oid) AS others
      FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE p.polname = 'tenant_isolation' ORDER BY 1`)
    assert.ok(found.length >= 15, `only ${found.length} tables`)
    const namespace =
      /= \('pulse_'::text \|\| replace\(\(?(public\.)?current_tenant_id\(\)\)?::text, '-'::text, ''::text\)\)/
    for (const table of found) {
      assert.ok(table.enabled && table.forced, `${table.name}: ENABLE and FORCE`)
      assert.equal(table.command, '*', table.name)
      if (table.name.startsWith('iceberg_catalog.')) {
        assert.match(table.using, namespace, table.name)
        assert.match(table.check, namespace, table.name)
        assert.deepEqual(table.others, ['reader r'], table.name)
      } else {
        const expected = `(${table.name === 'tenants' ? 'id' : 'tenant_id'} = current_tenant_id())`
        assert.deepEqual([table.using, table.check], [expected, expected], table.name)
        assert.deepEqual(table.others, table.name === 'pdm_entities' ? ['system_rows r'] : null, table.name)
      }
    }
  })

  test('bound to a tenant: its own row is seen, the other one is not, in every table', async () => {
    for (const table of tables) {
      await store.asTenant(MINE, async (sql) => {
        assert.equal(await count(sql, table, MINE), 1, table.name)
        assert.equal(await count(sql, table, THEIRS), 0, table.name)
        const [all] = await sql.query<{ n: string }>(`SELECT count(*) AS n FROM ${table.name}`)
        assert.equal(
          Number(all?.n),
          table.name === 'pdm_entities' ? 3 : 1,
          `${table.name}: own row, and the two seeded classes`,
        )
      })
    }
  })

  test('bound to a tenant: nothing is written for, taken from or given to another one, in any table', async () => {
    for (const table of tables) {
      const column = table.ownedBy(MINE).split(' ')[0]
      const row = rowOf(table, THEIRS)
      await assert.rejects(
        store.asTenant(MINE, (sql) => sql.query(row.text, row.values)),
        isForbidden,
        `${table.name}: INSERT for another`,
      )
      const [, value] = table.ownedBy(THEIRS).split(' = ')
      await assert.rejects(
        store.asTenant(MINE, (sql) =>
          sql.query(`UPDATE ${table.name} SET ${column} = ${value} WHERE ${table.ownedBy(MINE)}`),
        ),
        isForbidden,
        `${table.name}: giving a row away`,
      )
      for (const statement of [
        `UPDATE ${table.name} SET ${column} = ${column} WHERE ${table.ownedBy(THEIRS)} RETURNING 1`,
        `DELETE FROM ${table.name} WHERE ${table.ownedBy(THEIRS)} RETURNING 1`,
      ]) {
        const touched = await store
          .asTenant(MINE, (sql) => sql.query(statement))
          .catch((error: unknown) => (isForbidden(error) ? [] : Promise.reject(error)))
        assert.deepEqual(touched, [], `${table.name}: ${statement}`)
      }
      await assert.rejects(
        store.asTenant(MINE, (sql) => sql.query(`TRUNCATE ${table.name}`)),
        isForbidden,
        `${table.name}: TRUNCATE`,
      )
    }
    assert.equal(await everything(), untouched)
  })

  test('with no tenant bound: nothing of a tenant is seen and nothing can be written, in any table', async () => {
    for (const table of tables) {
      const seen = await store.asSystem(
        async (sql) => (await count(sql, table, MINE)) + (await count(sql, table, THEIRS)),
      )
      assert.equal(seen, 0, table.name)
      const row = rowOf(table, MINE)
      await assert.rejects(
        store.asSystem((sql) => sql.query(row.text, row.values)),
        isForbidden,
        `${table.name}: INSERT`,
      )
      const touched = await store
        .asSystem((sql) => sql.query(`DELETE FROM ${table.name} RETURNING 1`))
        .catch((error: unknown) => (isForbidden(error) ? [] : Promise.reject(error)))
      assert.deepEqual(touched, [], `${table.name}: DELETE`)
    }
    assert.equal(await everything(), untouched)
  })

  test('the pooled connection remembers no tenant: after a commit, an error, a rollback, a swallowed error, a timeout and an abort', async () => {
    const before: Record<string, () => Promise<unknown>> = {
      commit: () => store.asTenant(THEIRS, (sql) => sql.query('SELECT 1')),
      'one round trip': () => store.callAsTenant(THEIRS, 'SELECT 1'),
      'a failed statement': () => store.asTenant(THEIRS, (sql) => sql.query('SELECT 1/0')),
      'a failed round trip': () => store.callAsTenant(THEIRS, 'SELECT 1/0'),
      'a thrown error': () =>
        store.asTenant(THEIRS, async (sql) => {
          await sql.query('SELECT 1')
          throw new Error('mine')
        }),
      'a swallowed error': () =>
        store.asTenant(THEIRS, async (sql) => void (await sql.query('SELECT 1/0').catch(() => {}))),
      'a statement nobody awaited': () => store.asTenant(THEIRS, async (sql) => void sql.query('SELECT 1/0')),
      'a session-wide setting': () =>
        store.asTenant(THEIRS, (sql) => sql.query(`SELECT set_config('app.current_tenant_id', $1, false)`, [THEIRS])),
      timeout: () => store.asTenant(THEIRS, (sql) => sql.query('SELECT pg_sleep(9)'), { timeoutMs: 50 }),
      abort: () =>
        store.asTenant(THEIRS, (sql) => sql.query('SELECT pg_sleep(9)'), { signal: AbortSignal.timeout(50) }),
    }
    for (const [what, act] of Object.entries(before)) {
      await act().catch(() => {})
      for (const table of tables) {
        assert.equal(
          await store.asSystem((sql) => count(sql, table, THEIRS)),
          0,
          `${table.name} after ${what}, no tenant bound`,
        )
        await act().catch(() => {})
        assert.equal(
          await store.asTenant(MINE, (sql) => count(sql, table, THEIRS)),
          0,
          `${table.name} after ${what}, another tenant bound`,
        )
        if (what === 'timeout' || what === 'abort') break // one table is enough: the connection is a new one
      }
    }
    assert.equal(await everything(), untouched)
  })

  test('pipelined queries keep to their own transaction, on one raw connection with everything sent at once', async () => {
    const pool = new Pool({ connectionString: postgres.appUrl, max: 1, pipeline: true })
    try {
      const client = await pool.connect()
      const bind = (tenantId: string): Promise<unknown> =>
        client.query(`SELECT set_config('app.current_tenant_id', $1, true)`, [tenantId])
      for (const table of tables) {
        const see = async (tenantId: string): Promise<number> =>
          Number(
            (await client.query(`SELECT count(*) AS n FROM ${table.name} WHERE ${table.ownedBy(tenantId)}`)).rows[0].n,
          )
        const sent = [
          client.query('BEGIN'),
          bind(THEIRS),
          see(THEIRS),
          client.query('COMMIT'),
          see(THEIRS), // between two transactions
          client.query('BEGIN'),
          bind(MINE),
          see(THEIRS),
          see(MINE),
          client.query('COMMIT'),
          client.query('BEGIN'),
          bind(THEIRS),
          client.query('SELECT 1/0'),
          see(THEIRS),
          client.query('COMMIT'),
          see(THEIRS), // after one that failed
        ]
        const answers = (await Promise.allSettled(sent)).map((answer) =>
          answer.status === 'fulfilled' && typeof answer.value === 'number' ? answer.value : answer.status,
        )
        assert.deepEqual(
          [answers[2], answers[4], answers[7], answers[8], answers[13], answers[15]],
          [1, 0, 0, 1, 'rejected', 0],
          table.name,
        )
      }
      client.release()
    } finally {
      await pool.end()
    }
  })

  test('many tenants at once through one connection each see their own', async () => {
    const table = tables.find((one) => one.name === 'pdm_datasets')
    assert.ok(table !== undefined)
    await Promise.all(
      Array.from({ length: 100 }, async (_, i) => {
        const [me, other] = i % 2 === 0 ? [MINE, THEIRS] : [THEIRS, MINE]
        await store.asTenant(me, async (sql) =>
          assert.deepEqual(await Promise.all([count(sql, table, me), count(sql, table, other)]), [1, 0]),
        )
      }),
    )
  })

  test('the app role cannot step out: no other role, no table or schema of its own, no policy switched off', async () => {
    const attempts = [
      'SET ROLE pulse',
      'SET ROLE pulse_definer',
      'SET ROLE pulse_reader',
      'SET SESSION AUTHORIZATION pulse',
      'CREATE TABLE public.mine (n int)',
      'CREATE TEMPORARY TABLE mine (n int)',
      'CREATE SCHEMA mine',
      'CREATE TABLE iceberg_catalog.mine (n int)',
      'CREATE ROLE mine',
      'ALTER ROLE pulse_app BYPASSRLS',
      `CREATE FUNCTION public.current_tenant_id2() RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid'`,
      'ALTER TABLE tenants DISABLE ROW LEVEL SECURITY',
      'DROP POLICY tenant_isolation ON pdm_datasets',
      'CREATE POLICY open ON pdm_datasets USING (true)',
      'ALTER FUNCTION current_tenant_id() SECURITY DEFINER',
      `COPY tenants TO PROGRAM 'cat'`,
      `INSERT INTO pulse_migrations (name, run_on) VALUES ('9999-mine', now())`,
      'DELETE FROM pulse_migrations',
      "SELECT pg_read_file('PG_VERSION')",
    ]
    for (const attempt of attempts) {
      await assert.rejects(
        store.asTenant(MINE, (sql) => sql.query(attempt)),
        (error) => isForbidden(error) || (error as { code?: string }).code === '42P01',
        attempt,
      )
    }
    // row_security = off means "fail rather than filter", never "do not filter".
    await assert.rejects(
      store.asTenant(MINE, async (sql) => {
        await sql.query('SET LOCAL row_security = off')
        await sql.query('SELECT * FROM tenants')
      }),
      isForbidden,
    )
    const partitions = await admin.query<{ name: string }>(
      `SELECT c.oid::regclass::text AS name FROM pg_class c WHERE c.relispartition AND c.relkind = 'r'`,
    )
    for (const { name } of partitions)
      await assert.rejects(
        store.asTenant(MINE, (sql) => sql.query(`SELECT * FROM ${name}`)),
        isForbidden,
        `${name} directly`,
      )
  })

  test('the functions that act beyond a tenant are exactly the documented ones, owned by a role that cannot log in, with a fixed search path', async () => {
    const found = await admin.query<{
      name: string
      owner: string
      login: boolean
      settings: string[] | null
      everybody: boolean
    }>(`
      SELECT p.proname AS name, r.rolname AS owner, r.rolcanlogin AS login, p.proconfig AS settings, has_function_privilege('public', p.oid, 'EXECUTE') AS everybody
      FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner JOIN pg_namespace n ON n.oid = p.pronamespace
      WHERE p.prosecdef AND n.nspname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1`)
    assert.deepEqual(
      found.map((one) => one.name),
      Object.keys(DEFINERS).toSorted(),
    )
    for (const one of found) {
      assert.deepEqual([one.owner, one.login, one.everybody], ['pulse_definer', false, false], one.name)
      assert.ok(one.settings?.includes('search_path=pg_catalog, pg_temp'), `${one.name}: ${one.settings?.join()}`)
    }
  })

  test('the reader sees the two catalog tables whole and nothing else', async () => {
    const privileges = await admin.query<{ name: string }>(`
      SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
        AND has_table_privilege('pulse_reader', c.oid, 'SELECT, INSERT, UPDATE, DELETE') ORDER BY 1`)
    assert.deepEqual(
      privileges.map((table) => table.name),
      ['iceberg_catalog.iceberg_namespace_properties', 'iceberg_catalog.iceberg_tables'],
    )
    const client = new Client({ connectionString: postgres.adminUrl })
    await client.connect()
    try {
      await client.query('SET ROLE pulse_reader')
      assert.equal((await client.query('SELECT FROM iceberg_catalog.iceberg_tables')).rowCount, 2)
      await assert.rejects(client.query('DELETE FROM iceberg_catalog.iceberg_tables'), isForbidden)
    } finally {
      await client.end()
    }
  })
})
