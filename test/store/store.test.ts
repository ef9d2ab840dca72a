import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem } from '../../src/problems/index.ts'
import { CommitUnknown, StoreRefused, openStore } from '../../src/store/index.ts'
import { withPostgres } from '../kit/postgres.ts'

const A = '0190aaaa-0000-7000-8000-00000000000a'

const open = (url: string, more = {}) =>
  openStore({ url, poolSize: 2, applicationName: 'pulse test', openMs: 1000, ...more })

test('a superuser, and a role that may become one, are refused with a sentence', async (t) => {
  const { adminUrl, appUrl, sql } = await withPostgres(t)
  await assert.rejects(
    open(adminUrl),
    (error) => error instanceof StoreRefused && /"pulse".*superuser.*use pulse_app/.test(error.message),
  )
  await sql('admin').query(`CREATE ROLE climber_${process.pid} LOGIN PASSWORD 'x' IN ROLE pulse_definer`)
  const climber = Object.assign(new URL(appUrl), { username: `climber_${process.pid}`, password: 'x' }).href
  await sql('admin').query(`GRANT CONNECT ON DATABASE ${new URL(appUrl).pathname.slice(1)} TO climber_${process.pid}`)
  await assert.rejects(
    open(climber),
    (error) => error instanceof StoreRefused && /may become "pulse_definer"/.test(error.message),
  )
})

test('a wrong password is refused at once, not taken for an outage', async (t) => {
  const { appUrl } = await withPostgres(t)
  const wrong = Object.assign(new URL(appUrl), { password: 'wrong' }).href
  await assert.rejects(
    open(wrong),
    (error) => error instanceof StoreRefused && /PULSE_DATABASE_URL/.test(error.message),
  )
})

test('a value comes back only when COMMIT answered COMMIT', async (t) => {
  const { appUrl } = await withPostgres(t)
  await using store = await open(appUrl)
  assert.equal(
    await store.asTenant(
      A,
      async (sql) => (await sql.query<{ id: string }>('SELECT current_tenant_id() AS id'))[0]?.id,
    ),
    A,
  )
  await assert.rejects(
    store.asTenant(A, async (sql) => {
      await sql.query('SELECT 1/0').catch(() => 'looked away')
      return 'done'
    }),
    /rolled back/,
  )
  await assert.rejects(
    store.asTenant(A, async (sql) => void sql.query('SELECT 1/0')),
    /rolled back/,
  )
})

test("what the function throws rolls back and is thrown unchanged, with the server's own code", async (t) => {
  const { appUrl } = await withPostgres(t)
  await using store = await open(appUrl)
  await assert.rejects(
    store.asTenant(A, async () => {
      throw new RangeError('mine')
    }),
    RangeError,
  )
  await assert.rejects(
    store.asTenant(A, (sql) => sql.query('SELECT 1/0')),
    (error) => (error as { code: string }).code === '22012',
  )
})

test('a transaction that has ended takes no more statements', async (t) => {
  const { appUrl } = await withPostgres(t)
  await using store = await open(appUrl)
  const kept = await store.asTenant(A, async (sql) => ({ sql }))
  await assert.rejects(kept.sql.query('SELECT 1'), /has ended/)
})

test('a slow statement ends in time as dependency_away, and the connection is not reused', async (t) => {
  const { appUrl } = await withPostgres(t)
  await using store = await open(appUrl)
  const began = performance.now()
  await assert.rejects(
    store.asTenant(A, (sql) => sql.query('SELECT pg_sleep(30)'), { timeoutMs: 200 }),
    (error) => error instanceof Problem && error.code === 'dependency_away',
  )
  assert.ok(performance.now() - began < 15_000)
  await store.ping(1_000)
})

test('an abort ends the wait with its own reason', async (t) => {
  const { appUrl } = await withPostgres(t)
  await using store = await open(appUrl)
  const stop = new AbortController()
  const waiting = store.asTenant(A, (sql) => sql.query('SELECT pg_sleep(30)'), { signal: stop.signal })
  setTimeout(() => stop.abort(new Error('enough')), 50)
  await assert.rejects(waiting, /enough/)
  await store.ping(1_000)
})

test('a pool with no free connection answers in time, and the connection that comes late is not lost', async (t) => {
  const { appUrl } = await withPostgres(t)
  await using store = await open(appUrl, { acquireMs: 300 })
  const holding = [1, 2].map(() => store.asTenant(A, (sql) => sql.query('SELECT pg_sleep(1)')))
  await assert.rejects(store.ping(100), (error) => error instanceof Problem && error.code === 'dependency_away')
  await assert.rejects(store.ping(2_000), (error) => error instanceof Problem && error.code === 'dependency_away')
  await Promise.all(holding)
  await Promise.all([store.ping(1_000), store.ping(1_000), store.ping(1_000)])
})

test('sessions cut by the server are dependency_away with the cause kept, and the next call has a new one', async (t) => {
  const { appUrl, sql } = await withPostgres(t)
  const said: string[] = []
  await using store = await open(appUrl, { onAway: () => said.push('away'), onBack: () => said.push('back') })
  const cut = (): Promise<unknown> =>
    sql('admin').query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pulse test' AND datname = current_database()`,
    )
  const waiting = store.asTenant(A, (inner) => inner.query('SELECT pg_sleep(30)'))
  const failed = assert.rejects(
    waiting,
    (error) =>
      error instanceof Problem &&
      error.code === 'dependency_away' &&
      (error.cause as { code?: string }).code === '57P01',
  )
  for (;;) {
    const [busy] = await sql('admin').query<{ n: number }>(
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)%' AND state = 'active' AND application_name = 'pulse test' AND datname = current_database()`,
    )
    if (busy?.n === 1) break
  }
  await cut()
  await failed
  await store.ping(1_000)
  assert.deepEqual(said, ['away', 'back'])
})

test('a server that only reads is away, in every shape of transaction, and its sessions are not kept', async (t) => {
  const { appUrl, sql } = await withPostgres(t)
  await sql('admin').query('CREATE TABLE kept (n int); GRANT INSERT ON kept TO pulse_app')
  await using store = await open(appUrl, { poolSize: 1 })
  const session = async (): Promise<number | undefined> =>
    (await store.asSystem((inner) => inner.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')))[0]?.pid
  const write = 'INSERT INTO kept VALUES (1)'
  const database = `"${new URL(appUrl).pathname.slice(1)}"`
  const shapes = {
    asSystem: (first: string) =>
      store.asSystem(async (inner) => {
        void inner.query(first)
        return inner.query(write)
      }),
    asTenant: (first: string) =>
      store.asTenant(A, async (inner) => {
        await inner.query(first)
        return inner.query(write)
      }),
    // As of a standby from its first statement on: the role's own setting reaches the next session.
    callAsTenant: async () => {
      await sql('admin').query(`ALTER ROLE pulse_app IN DATABASE ${database} SET default_transaction_read_only = on`)
      await sql('admin').query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'pulse_app' AND datname = current_database()`,
      )
      try {
        await session().catch(session)
        return await store.callAsTenant(A, write)
      } finally {
        await sql('admin').query(`ALTER ROLE pulse_app IN DATABASE ${database} RESET default_transaction_read_only`)
      }
    },
  }
  for (const [shape, ask] of Object.entries(shapes)) {
    const before = await session()
    await assert.rejects(
      ask('SET TRANSACTION READ ONLY'),
      (error) =>
        error instanceof Problem &&
        error.code === 'dependency_away' &&
        error.retryAfterSeconds !== undefined &&
        (error.cause as { code?: string }).code === '25006',
      shape,
    )
    assert.notEqual(await session(), before, shape)
    await store.callAsTenant(A, write)
  }
})

test('a COMMIT whose answer was lost is CommitUnknown; one that the server refused is not', async (t) => {
  const { appUrl, sql } = await withPostgres(t)
  await using store = await open(appUrl)
  await sql('admin')
    .query(`CREATE TABLE late (n int UNIQUE DEFERRABLE INITIALLY DEFERRED); GRANT INSERT ON late TO pulse_app;
    CREATE FUNCTION hang() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(30); RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER hang AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.n = 99) EXECUTE FUNCTION hang()`)
  await assert.rejects(
    store.asSystem((inner) => inner.query('INSERT INTO late VALUES (1), (1)')),
    (error) => (error as { code?: string }).code === '23505',
  )
  const stop = new AbortController()
  await assert.rejects(
    store.asSystem(
      async (inner) => {
        await inner.query('INSERT INTO late VALUES (99)')
        setTimeout(() => stop.abort(new Error('cut')), 50)
      },
      { signal: stop.signal },
    ),
    (error) => error instanceof CommitUnknown && (error.cause as Error).message === 'cut',
  )
})

test("a whole transaction in one round trip commits, fails with the server's verdict, or is unknown when cut", async (t) => {
  const { appUrl, sql } = await withPostgres(t)
  await using store = await open(appUrl)
  await sql('admin').query(
    'CREATE TABLE notes (who uuid, n int CHECK (n > 0)); GRANT SELECT, INSERT ON notes TO pulse_app',
  )
  const insert = 'INSERT INTO notes VALUES (current_tenant_id(), $1) RETURNING who'
  assert.deepEqual(await store.callAsTenant(A, insert, [1]), [{ who: A }])
  await assert.rejects(store.callAsTenant(A, insert, [-1]), (error) => (error as { code?: string }).code === '23514')
  await assert.rejects(
    store.callAsTenant(A, 'INSERT INTO notes SELECT current_tenant_id(), 7 FROM pg_sleep(30)', [], { timeoutMs: 100 }),
    (error) => error instanceof CommitUnknown || (error instanceof Problem && error.code === 'dependency_away'),
  )
  assert.deepEqual(await sql('admin').query('SELECT n FROM notes'), [{ n: 1 }])
  await store.ping(1_000)
})

test('waits for locks and idle transactions end within the lease of this process, whatever the role was made for', async (t) => {
  const { appUrl } = await withPostgres(t)
  await using store = await openStore({ url: appUrl, poolSize: 2, applicationName: 'test', leaseSeconds: 1.5 })
  const asked = `SELECT current_setting('lock_timeout') AS lock, current_setting('idle_in_transaction_session_timeout') AS idle`
  const tenantId = '01900000-0000-7000-8000-000000000001'
  const answers = [
    await store.asSystem((sql) => sql.query(asked)),
    await store.asTenant(tenantId, (sql) => sql.query(asked)),
    await store.callAsTenant(tenantId, asked),
  ]
  for (const rows of answers) assert.deepEqual(rows, [{ lock: '500ms', idle: '1s' }])
})
