import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client as Connection } from 'pg'
import { assertBalanced } from '../kit/account.ts'
import { makePlace } from '../kit/api.ts'
import { openClient, type Client } from '../kit/client.ts'
import { readLake } from '../kit/lake-reader.ts'
import { openMovingProxy } from '../kit/moving-proxy.ts'
import { withServer } from '../kit/postgres-server.ts'
import { openProxy } from '../kit/proxy.ts'
import { withSmallDisk } from '../kit/small-disk.ts'
import { bootPulse, type System } from '../kit/system.ts'
import { until } from '../kit/until.ts'

/** What happens to PostgreSQL while events come in: each is one row in the end, and nobody was told otherwise. */
const DEFINITION = {
  type: 'object',
  properties: { timestamp: { type: 'string', format: 'date-time' }, at: { type: 'integer' } },
  required: ['timestamp', 'at'],
}
const REFUSED_SECONDS = Number(process.env['TEST_REFUSED_SECONDS'] ?? 30)
const LOST_COMMITS = Number(process.env['TEST_LOST_COMMITS'] ?? 12)

interface Load {
  readonly system: System
  readonly client: Client
  /** Resolves when so many more events were acknowledged. */
  more(events?: number): Promise<void>
  /** Stops sending, and accounts for every event. */
  settle(): Promise<void>
}

async function underLoad(t: TestContext, env: Record<string, string>): Promise<Load> {
  const system = await bootPulse({ PULSE_FLUSH_SECONDS: '0.3', PULSE_LEASE_SECONDS: '3', ...env })
  t.after(() => system[Symbol.asyncDispose]())
  const place = await makePlace(system.baseUrl, DEFINITION)
  const client = openClient({
    baseUrl: () => system.baseUrl,
    tenantId: place.tenantId,
    dataset: place.dataset,
    perRequest: 10,
    pauseMs: 20,
    eventAt: (at) => ({ timestamp: '2026-11-25T08:00:00Z', at }),
  })
  const stop = new AbortController()
  const running = client.run(stop.signal)
  running.catch(() => undefined)
  t.after(() => stop.abort())
  const rowIds = async (): Promise<string[]> =>
    (await readLake(system.baseUrl, place.tenantId, place.dataset)).rows.map((row) => String(row['id']))
  return {
    system,
    client,
    async more(events = 50) {
      const before = client.acknowledged.size
      await until('more events to be acknowledged', () => client.acknowledged.size >= before + events, 90_000)
    },
    async settle() {
      stop.abort()
      await running
      await until(
        'every event to be a row',
        async () => (await rowIds()).length >= client.acknowledged.size,
        90_000,
        250,
      ).catch(() => undefined) // the account says by name what is missing
      assertBalanced(
        { sent: client.sent, acknowledged: client.acknowledged, rowIds: await rowIds(), deadLetterIds: [] },
        'the server',
      )
      t.diagnostic(`${client.acknowledged.size} events, each a row`)
    },
  }
}

test(
  `a failover: refused for ${REFUSED_SECONDS} s, then another address, and Pulse goes on by itself`,
  { timeout: 300_000 },
  async (t) => {
    const server = await withServer(t)
    const proxy = await openMovingProxy(t, server.port)
    const through = (url: string): string => url.replace(`:${server.port}/`, `:${proxy.port}/`)
    const load = await underLoad(t, {
      PULSE_ADMIN_DATABASE_URL: through(server.adminUrl),
      PULSE_DATABASE_URL: through(server.appUrl),
    })
    await load.more(200)
    const pids = (['api', 'worker'] as const).map((member) => load.system.pid(member))
    await proxy.refuse()
    const [port] = await Promise.all([server.moveElsewhere(), sleep(REFUSED_SECONDS * 1_000)])
    const ready = await fetch(`${load.system.baseUrl}/ready`)
    assert.equal(ready.status, 503)
    assert.equal(((await ready.json()) as { checks: Record<string, boolean> }).checks['postgres'], false)
    await proxy.leadTo(port)
    const began = performance.now()
    await load.more(200)
    t.diagnostic(`accepting again ${((performance.now() - began) / 1000).toFixed(1)} s after the new address answered`)
    await load.settle()
    assert.deepEqual(
      (['api', 'worker'] as const).map((member) => load.system.pid(member)),
      pids,
      'no process had to be started again',
    )
  },
)

test(
  `${LOST_COMMITS} COMMITs whose answer, or which themselves, are lost: each flush is there once`,
  { timeout: 240_000 },
  async (t) => {
    const server = await withServer(t)
    // Made before, so that it is flushes that lose their answers.
    const proxy = await openProxy(t, server.appUrl)
    const load = await underLoad(t, { PULSE_ADMIN_DATABASE_URL: server.adminUrl, PULSE_DATABASE_URL: proxy.url })
    for (let index = 0; index < LOST_COMMITS; index += 1) {
      const before = proxy.cuts
      proxy.cutNext(index % 3 === 2 ? 'request' : 'answer')
      await until('a COMMIT to be cut', () => proxy.cuts > before, 60_000)
      await load.more(20)
    }
    await load.settle()
  },
)

test(
  'tables that are locked, sessions that are ended and a statement_timeout of the operator’s cost time and nothing else',
  { timeout: 240_000 },
  async (t) => {
    const server = await withServer(t)
    const load = await underLoad(t, { PULSE_ADMIN_DATABASE_URL: server.adminUrl, PULSE_DATABASE_URL: server.appUrl })
    await load.more()
    // The operator's own limit, shorter than any statement; Pulse's transactions bring theirs.
    await server.ask(`ALTER ROLE pulse_app SET statement_timeout = '1ms'`)
    for (let round = 0; round < 3; round += 1) {
      await server.ask(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'pulse_app'`)
      await load.more()
    }
    const locker = new Connection({ connectionString: server.urlOf('postgres').replace(/\/postgres$/, '/pulse') })
    await locker.connect()
    try {
      await locker.query('BEGIN')
      await locker.query('LOCK TABLE flushes, processed_event_ids, source_partitions IN ACCESS EXCLUSIVE MODE')
      await sleep(7_000) // beyond the lease of 3 s, and every limit that hangs on it
      await locker.query('ROLLBACK')
    } finally {
      await locker.end()
    }
    await load.more()
    await load.settle()
  },
)

test(
  'a server that only reads, as a standby before it is promoted: 503, and rows from the moment it is promoted',
  { timeout: 240_000 },
  async (t) => {
    const server = await withServer(t)
    const load = await underLoad(t, { PULSE_ADMIN_DATABASE_URL: server.adminUrl, PULSE_DATABASE_URL: server.appUrl })
    await load.more()
    const onlyReads = async (is: boolean): Promise<void> => {
      await server.ask(
        `ALTER ROLE pulse_app ${is ? 'SET default_transaction_read_only = on' : 'RESET default_transaction_read_only'}`,
      )
    }
    await onlyReads(true)
    await server.ask(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'pulse_app'`)
    const statuses: number[] = []
    const endsAt = performance.now() + 7_000 // beyond the lease of 3 s
    while (performance.now() < endsAt) {
      const answer = await fetch(`${load.system.baseUrl}/v1/tenants`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ slug: `read-only-${statuses.length}`, name: 'Read only' }),
        signal: AbortSignal.timeout(20_000),
      })
      await answer.text()
      statuses.push(answer.status)
      await sleep(200)
    }
    assert.deepEqual([...new Set(statuses)], [503])
    await onlyReads(false) // the sessions from before would go on reading only
    await load.more(100)
    await load.settle()
  },
)

test(
  'a full disk: what comes in waits or is refused with 503, and with room again everything goes on',
  { timeout: 240_000 },
  async (t) => {
    const disk = await withSmallDisk(t, 220)
    const server = await withServer(t, {
      folder: disk.folder,
      settings: ['min_wal_size=32MB', 'max_wal_size=48MB', 'checkpoint_timeout=30s'],
    })
    const load = await underLoad(t, { PULSE_ADMIN_DATABASE_URL: server.adminUrl, PULSE_DATABASE_URL: server.appUrl })
    let made = 0
    for (let round = 0; round < 2; round += 1) {
      await load.more()
      await disk.fill()
      const statuses = new Set<number>()
      const endsAt = performance.now() + 8_000
      while (performance.now() < endsAt) {
        const body = JSON.stringify({ slug: `full-${(made += 1)}`, name: 'x'.repeat(200) })
        const answer = await fetch(`${load.system.baseUrl}/v1/tenants`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body,
          signal: AbortSignal.timeout(20_000),
        })
        await answer.text()
        statuses.add(answer.status)
        await sleep(200)
      }
      t.diagnostic(`making tenants was answered with ${[...statuses].join(', ')}`)
      assert.ok(!statuses.has(500) && statuses.has(503))
      await disk.relieve()
      // A server that could not write its log has ended itself: whoever runs it starts it again.
      await until('the server to answer', () => server.ask('SELECT 1').then(() => true), 5_000).catch(() =>
        server.start(),
      )
    }
    await load.more(100)
    await load.settle()
  },
)
