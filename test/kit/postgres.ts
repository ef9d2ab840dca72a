import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, chown } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, Pool } from 'pg'
import { migrate, secureDatabase, serverUser, startEmbedded, type EmbeddedPostgres } from '../../src/store/index.ts'

/** What registers a clean-up: a test's context, or `{ after }` of node:test for a whole file. */
export interface Owner {
  after(act: () => void | Promise<void>): void
}

export interface TestPostgres {
  /** As role `pulse`: owner of everything, a superuser here. */
  readonly adminUrl: string
  /** As role `pulse_app`, under row level security. */
  readonly appUrl: string
  /** A few connections as that role, the same at every call, closed with the test. Answers rows. */
  sql(role: 'admin' | 'app'): {
    query<R = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<R[]>
  }
}

let server: Promise<EmbeddedPostgres> | undefined
let made = 0

/**
 * A migrated database of the test's own on a real PostgreSQL (no fsync), one server per test
 * process. The database goes with the test, the server and its folder with the process, however
 * that ends.
 */
export async function withPostgres(owner: Owner): Promise<TestPostgres> {
  server ??= startServer()
  const { adminUrl: templateUrl, appUrl: templateAppUrl } = await server
  const name = `test_${process.pid}_${++made}`
  const at = (url: string, database: string): string => Object.assign(new URL(url), { pathname: `/${database}` }).href
  const adminUrl = at(templateUrl, name)
  const appUrl = at(templateAppUrl, name)
  await once(at(templateUrl, 'postgres'), (client) =>
    client.query(`CREATE DATABASE ${name} TEMPLATE pulse STRATEGY file_copy`),
  )
  await once(adminUrl, secureDatabase)
  const pools = new Map<string, Pool>()
  const poolOf = (connectionString: string): Pool => {
    let pool = pools.get(connectionString)
    if (pool === undefined) {
      pool = new Pool({ connectionString, max: 4, allowExitOnIdle: true })
      pool.on('error', () => {})
      pools.set(connectionString, pool)
    }
    return pool
  }
  owner.after(async () => {
    await Promise.all([...pools.values()].map((pool) => pool.end()))
    await once(at(templateUrl, 'postgres'), (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`))
  })
  return {
    adminUrl,
    appUrl,
    sql: (role) => ({
      async query<R = Record<string, unknown>>(text: string, values: readonly unknown[] = []): Promise<R[]> {
        return (await poolOf(role === 'admin' ? adminUrl : appUrl).query(text, [...values])).rows as R[]
      },
    }),
  }
}

async function startServer(): Promise<EmbeddedPostgres> {
  const dataDir = await mkdtemp(join(tmpdir(), 'pulse-test-'))
  const user = serverUser()
  await chmod(dataDir, 0o755)
  if (user !== undefined) await chown(dataDir, user.uid, user.gid) // the keeper deletes it as that user
  const passwords = { admin: randomBytes(12).toString('hex'), app: randomBytes(12).toString('hex') }
  const started = await startEmbedded({ dataDir, port: 0, passwords, durable: false, removeAfter: true })
  await migrate(started.adminUrl, { appPassword: passwords.app })
  started.unref()
  return started
}

async function once<T>(url: string, act: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    return await act(client)
  } finally {
    await client.end()
  }
}
