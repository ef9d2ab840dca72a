import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runApi } from '../../src/api/index.ts'
import { recordSettings } from '../../src/audit/index.ts'
import { startEmbeddedBus } from '../../src/bus/index.ts'
import { loadSettings, redact } from '../../src/config/index.ts'
import type { Store } from '../../src/store/index.ts'
import { ownFolder } from '../kit/folder.ts'
import { openGround } from '../kit/ground.ts'
import { withPostgres } from '../kit/postgres.ts'
import { until } from '../kit/until.ts'

const NEVER = new AbortController().signal
const ROWS = `SELECT action, actor, name, tenant_id, before, after FROM audit WHERE entity = 'settings' ORDER BY at`
type Row = { action: string; actor: string; name: string; before: object | null; after: Record<string, unknown> }

test('what a plane runs with is told once, then what differs from it; each plane for itself, and processes that start at once as one', async (t) => {
  const { store, admin } = await openGround(t)
  const start = (plane: 'api' | 'worker', settings: object) => recordSettings(store, plane, { ...settings }, NEVER)
  await Promise.all(Array.from({ length: 8 }, () => start('api', { flushSeconds: 30, host: 'a', brokers: ['x', 'y'] })))
  await start('worker', { flushSeconds: 30 })
  await start('api', { host: 'b', brokers: ['x', 'y'], drainSeconds: 8 })
  await start('api', { brokers: ['x', 'y'], drainSeconds: 8, host: 'b' })
  const rows = await admin.query<Row>(ROWS)
  assert.deepEqual(
    rows.map(({ action, name, before, after }) => [action, name, before, after]),
    [
      ['settings.create', 'api', null, { flushSeconds: 30, host: 'a', brokers: ['x', 'y'] }],
      ['settings.create', 'worker', null, { flushSeconds: 30 }],
      [
        'settings.update',
        'api',
        { drainSeconds: null, flushSeconds: 30, host: 'a' },
        { drainSeconds: 8, flushSeconds: null, host: 'b' },
      ],
    ],
  )
})

test('a Postgres that is away is waited for, and a process that ends waits no longer', async (t) => {
  const { store, admin } = await openGround(t)
  let away = 1
  const flaky: Pick<Store, 'asSystem'> = {
    asSystem: (act, options) => (away-- > 0 ? Promise.reject(new Error('away')) : store.asSystem(act, options)),
  }
  await recordSettings(flaky as Store, 'api', { host: 'a' }, NEVER, 1)
  assert.equal((await admin.query(ROWS)).length, 1)
  const stop = new AbortController()
  away = Infinity
  const waiting = recordSettings(flaky as Store, 'api', { host: 'b' }, stop.signal, 60_000)
  stop.abort()
  await waiting
  assert.equal((await admin.query(ROWS)).length, 1)
})

test('a process that starts says by itself what it runs with, without a secret', async (t) => {
  const { appUrl, sql } = await withPostgres(t)
  const bus = await startEmbeddedBus({ dataDir: await ownFolder(t), host: '127.0.0.1', port: 0, maxBytes: 1 << 30 })
  t.after(() => bus.close())
  const settings = loadSettings({
    PULSE_DATA_DIR: await ownFolder(t),
    PULSE_API_PORT: '0',
    PULSE_TELEMETRY: 'off',
    PULSE_DATABASE_URL: appUrl,
    PULSE_KAFKA_BROKERS: `127.0.0.1:${bus.port}`,
    PULSE_S3_ACCESS_KEY: 'who',
    PULSE_S3_SECRET_KEY: 'opensesame',
  })
  const running = await runApi(settings)
  t.after(() => running.stop())
  const rows = await until('its row', async () => {
    const found = await sql('admin').query<Row>(ROWS)
    return found.length > 0 && found
  })
  assert.deepEqual(
    rows.map(({ actor, action, name }) => [actor, action, name]),
    [['pulse:api', 'settings.create', 'api']],
  )
  const told = JSON.parse(JSON.stringify(redact(settings))) as object
  assert.deepEqual(rows[0]?.after, told)
  const text = JSON.stringify(rows)
  assert.ok(!text.includes('opensesame') && !text.includes(new URL(appUrl).password))
})
