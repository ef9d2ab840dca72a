import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { Client } from 'pg'
import { migrate, migrationNames, openStore } from '../../src/store/index.ts'
import { withCertificates } from '../kit/certificates.ts'
import { withBouncer, withServer } from '../kit/postgres-server.ts'
import { startProgram } from '../kit/program.ts'

const PULSE = `${import.meta.dirname}/../../bin/pulse.mjs`
const BOTH = (server: { adminUrl: string; appUrl: string }): Record<string, string> => ({
  PULSE_ADMIN_DATABASE_URL: server.adminUrl,
  PULSE_DATABASE_URL: server.appUrl,
})

test('over TLS with a certificate that is checked, `pulse migrate` makes the two roles, and neither is more than it must be', async (t) => {
  const certificates = await withCertificates(t)
  const server = await withServer(t, { tls: certificates })
  const ran = await startProgram(process.execPath, [PULSE, 'migrate'], { env: BOTH(server) })
  assert.equal(await ran.ended(60_000), 0, ran.said())
  const roles = await server.ask(
    `SELECT rolname AS name, rolsuper AS super, rolbypassrls AS bypass, rolcanlogin AS login, rolcreaterole AS create
     FROM pg_roles WHERE rolname LIKE 'pulse_%' ORDER BY 1`,
  )
  assert.deepEqual(roles, [
    { name: 'pulse_app', super: false, bypass: false, login: true, create: false },
    { name: 'pulse_definer', super: false, bypass: true, login: false, create: false },
    { name: 'pulse_reader', super: false, bypass: false, login: false, create: false },
  ])
  await using store = await openStore({ url: server.appUrl, poolSize: 2, applicationName: 'test' })
  const [mine] = await store.asSystem((sql) =>
    sql.query<{ ssl: boolean; version: string }>('SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()'),
  )
  assert.equal(mine?.ssl, true)
  assert.match(mine?.version ?? '', /^TLSv1\.[23]$/)
  // Without TLS, and with an authority that did not sign this server, nobody comes in, and the sentence says why.
  const other = await withCertificates(t)
  for (const [url, says] of [
    [server.appUrl.replace(/\?.*/, ''), /no pg_hba\.conf entry.*no encryption|no encryption/],
    [server.appUrl.replace(certificates.caFile, other.caFile), /self-signed|unable to verify|certificate/],
  ] as const)
    await assert.rejects(openStore({ url, poolSize: 1, applicationName: 'test', openMs: 0 }), (error: Error) => {
      const said = `${error.message} ${String((error.cause as Error | undefined)?.message ?? '')}`
      assert.match(said, says)
      assert.doesNotMatch(said, /app-secret/)
      return true
    })
})

test('migrations that are started at once run once, one process after the other', async (t) => {
  const server = await withServer(t)
  const options = { appPassword: 'app-secret' }
  const all = await Promise.all([1, 2, 3].map(() => migrate(server.adminUrl, options)))
  const names = await migrationNames()
  assert.deepEqual(
    all.map((ran) => ran.length).toSorted((a, b) => a - b),
    [0, 0, names.length],
  )
  const client = new Client({ connectionString: server.adminUrl })
  await client.connect()
  const { rows } = await client.query<{ name: string }>('SELECT name FROM pulse_migrations ORDER BY id')
  await client.end()
  assert.deepEqual(
    rows.map(({ name }) => name),
    names,
  )
})

test('behind a pooler in transaction mode every transaction has its own tenant, whoever had the session before', async (t) => {
  const server = await withServer(t)
  await migrate(server.adminUrl, { appPassword: 'app-secret' })
  const { appUrl } = await withBouncer(t, server, 2)
  await using store = await openStore({ url: appUrl, poolSize: 16, applicationName: 'test', leaseSeconds: 6 })
  const tenants = Array.from({ length: 8 }, () => randomUUID())
  const sessions = new Set<number>()
  const bound = async (tenant: string): Promise<void> => {
    const [row] = await store.asTenant(tenant, (sql) =>
      sql.query<{ tenant: string; pid: number; lock: string }>(
        `SELECT current_tenant_id()::text AS tenant, pg_backend_pid() AS pid, current_setting('lock_timeout') AS lock`,
      ),
    )
    assert.equal(row?.tenant, tenant)
    assert.equal(row?.lock, '2s')
    sessions.add(row?.pid ?? 0)
  }
  const faults: readonly ((tenant: string) => Promise<unknown>)[] = [
    (tenant) => store.asTenant(tenant, (sql) => sql.query('SELECT 1/0')),
    (tenant) => store.callAsTenant(tenant, 'SELECT 1/0'),
    (tenant) => store.asTenant(tenant, () => Promise.reject(new Error('mine'))),
    (tenant) => store.asTenant(tenant, (sql) => sql.query('SELECT pg_sleep(5)'), { timeoutMs: 100 }),
    (tenant) => store.asTenant(tenant, (sql) => sql.query(`SET statement_timeout = 1`)),
  ]
  await Promise.all(
    Array.from({ length: 240 }, async (_, index) => {
      const tenant = tenants[index % tenants.length] as string
      if (index % 12 === 11)
        await assert.doesNotReject(faults[index % faults.length]?.(tenant).catch(() => undefined) ?? Promise.resolve())
      else await bound(tenant)
      const rows = await store.callAsTenant<{ tenant: string }>(tenant, 'SELECT current_tenant_id()::text AS tenant')
      assert.equal(rows[0]?.tenant, tenant)
    }),
  )
  const [nobody] = await store.asSystem((sql) =>
    sql.query<{ none: boolean }>('SELECT current_tenant_id() IS NULL AS none'),
  )
  assert.equal(nobody?.none, true)
  const prepared = await server.ask<{ n: number }>(
    `SELECT count(*)::int AS n FROM pg_stat_activity WHERE usename = 'pulse_app' AND query ILIKE 'PREPARE%'`,
  )
  assert.equal(prepared[0]?.n, 0)
  t.diagnostic(`${sessions.size} sessions of the server for 16 connections`)
})
