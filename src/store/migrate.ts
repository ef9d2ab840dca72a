import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { runner } from 'node-pg-migrate'
import { Client } from 'pg'
import { MigrateRefused, ensureRoles, secureDatabase, type RoleOptions } from './roles.ts'
import type { Sql, TransactionOptions } from './transaction.ts'

const FOLDER = join(import.meta.dirname, 'migrations')
/** One lock for roles and migrations together: processes that start at once migrate one after the other. */
const LOCK = 7_241_865_325_823_964n
const LOCK_WAIT_MS = 60_000

/** The migrations that this Pulse brings, in order, by name. */
export async function migrationNames(): Promise<string[]> {
  const files = await readdir(FOLDER)
  return files
    .filter((file) => file.endsWith('.sql'))
    .map((file) => basename(file, '.sql'))
    .toSorted()
}

/**
 * Which of them the database does not have. More than these is no fault: a newer Pulse may have migrated already. As any
 * role of Pulse; throws what the store throws.
 */
export async function missingMigrations(
  store: { asSystem<T>(act: (sql: Sql) => Promise<T>, options?: TransactionOptions): Promise<T> },
  options?: Omit<TransactionOptions, 'name'>,
): Promise<string[]> {
  const names = await migrationNames()
  try {
    const ran = await store.asSystem((sql) => sql.query<{ name: string }>('SELECT name FROM public.pulse_migrations'), {
      ...options,
      name: 'upkeep',
    })
    const there = new Set(ran.map(({ name }) => name))
    return names.filter((name) => !there.has(name))
  } catch (error) {
    // Not for this role to see: whoever migrated was a Pulse from before it could, so that its last is missing at least.
    if ((error as { code?: string }).code === '42501') return names.slice(-1)
    throw error
  }
}

/**
 * Brings the database to this version: the roles, then every SQL file of `migrations/` that did not
 * run yet, each in a transaction of its own. Forward only, safe to repeat, one at a time by an
 * advisory lock. Answers the names that ran now. Throws `MigrateRefused` with a sentence when the
 * server is older than PostgreSQL 15, the role may not do it, or a newer Pulse migrated before.
 */
export async function migrate(adminUrl: string, options: RoleOptions = {}): Promise<string[]> {
  const client = new Client({
    connectionString: adminUrl,
    application_name: 'pulse migrate',
    connectionTimeoutMillis: 10_000,
    lock_timeout: LOCK_WAIT_MS,
  })
  client.on('error', () => {}) // the query under way reports it
  await client.connect()
  try {
    const {
      rows: [server],
    } = await client.query<{ number: number; version: string }>(
      `SELECT current_setting('server_version_num')::int AS number, current_setting('server_version') AS version`,
    )
    if (server !== undefined && server.number < 150_000) {
      throw new MigrateRefused(`PostgreSQL ${server.version} is too old: Pulse needs 15 or newer.`)
    }
    await client.query(`SELECT pg_advisory_lock(${LOCK})`)
    await refuseNewer(client)
    await ensureRoles(client, options)
    await client.query('GRANT CREATE ON SCHEMA public TO pulse_definer') // ALTER FUNCTION … OWNER TO asks for it
    const ran = await runFiles(client)
    await client.query('REVOKE CREATE ON SCHEMA public FROM pulse_definer')
    await secureDatabase(client)
    return ran
  } finally {
    await client.end()
  }
}

/** The names of what ran. A file that fails is rolled back whole, named, and nothing after it runs. */
async function runFiles(client: Client): Promise<string[]> {
  let current = ''
  const note = (said: string): void => {
    current = /^### MIGRATION (.*) \(UP\) ###$/.exec(said)?.[1] ?? current
  }
  try {
    const ran = await runner({
      dbClient: client,
      dir: FOLDER,
      direction: 'up',
      migrationsTable: 'pulse_migrations',
      noLock: true,
      logger: { info: note, warn: () => {}, error: () => {} },
    })
    return ran.map((migration) => migration.name)
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {})
    await client.query('REVOKE CREATE ON SCHEMA public FROM pulse_definer').catch(() => {})
    throw new Error(`Migration ${current} failed: ${(error as Error).message}`, { cause: error })
  }
}

async function refuseNewer(client: Client): Promise<void> {
  const {
    rows: [table],
  } = await client.query<{ found: string | null }>(`SELECT to_regclass('public.pulse_migrations')::text AS found`)
  if (table?.found === null || table === undefined) return
  const known = new Set(await migrationNames())
  const { rows } = await client.query<{ name: string }>('SELECT name FROM public.pulse_migrations ORDER BY id')
  const unknown = rows.filter((row) => !known.has(row.name)).map((row) => row.name)
  if (unknown.length > 0) {
    throw new MigrateRefused(
      `A newer Pulse has migrated this database (${unknown.join(', ')}): start that version, or restore a copy from before.`,
    )
  }
}
