import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadSettings, reachable } from '../../src/config/index.ts'
import { errorLine, screen } from '../../src/start/screen.ts'

const running = (name: 'api' | 'worker' | 'bus' | 'postgres' | 'canary', ports: Record<string, number>) => ({
  name,
  pid: 1,
  began: '',
  port: ports['health'] ?? Object.values(ports)[0] ?? 0,
  ports,
})
const processes = [
  running('api', { api: 8000 }),
  running('worker', { metrics: 9100, health: 9101 }),
  running('canary', { metrics: 9102 }),
  running('bus', { bus: 20_001 }),
  running('postgres', { postgres: 20_002 }),
]

test('the screen shows the founding ports, each place with the setting that replaces it, and a curl', () => {
  const text = screen(
    { settings: loadSettings({}), processes, embedded: { postgres: true, bus: true, lake: true }, tookMs: 1234 },
    new Date(0),
  )
  for (const word of [
    'Pulse is ready (1.2 s)',
    'http://127.0.0.1:8000',
    ':9101/healthz',
    ':9100/metrics',
    ':9102/metrics   sends and reads back every 30 s',
    '127.0.0.1:20001',
    '127.0.0.1:20002',
    'PULSE_DATABASE_URL',
    'PULSE_KAFKA_BROKERS',
    'PULSE_WAREHOUSE',
    'npm run demo',
    `{"slug":"first-0"`,
    'docs/start.md',
  ]) {
    assert.ok(text.includes(word), word)
  }
  assert.ok(text.split('\n').length < 26, 'short')
})

test('with places of its own the screen names them and shows no password', () => {
  const settings = loadSettings({
    PULSE_DATABASE_URL: 'postgres://pulse_app:hunter2@db:5432/pulse',
    PULSE_KAFKA_BROKERS: 'a:1,b:2',
    PULSE_WAREHOUSE: 's3://pulse/iceberg/',
  })
  const text = screen(
    { settings, processes: processes.slice(0, 2), embedded: { postgres: false, bus: false, lake: false }, tookMs: 1 },
    new Date(0),
  )
  for (const word of ['db:5432', 'a:1, b:2', 's3://pulse/iceberg']) assert.ok(text.includes(word), word)
  assert.doesNotMatch(text, /hunter2|embedded|canary/)
})

test('a host of all addresses is reached on this machine', () => {
  assert.deepEqual(['0.0.0.0', '::', '127.0.0.1', '::1', 'pulse.local'].map(reachable), [
    '127.0.0.1',
    '127.0.0.1',
    '127.0.0.1',
    '[::1]',
    'pulse.local',
  ])
})

test("of a child's lines only errors come to the screen, one line each", () => {
  assert.equal(errorLine('api', '{"level":"info","msg":"fine"}'), undefined)
  assert.equal(
    errorLine('api', '{"level":"error","event":"dependency.away","msg":"kafka is away","detail":"refused"}'),
    'api: kafka is away: refused',
  )
  assert.equal(errorLine('api', '{"level":50,"msg":"bad"}'), 'api: bad')
  assert.equal(errorLine('api', 'TypeError: x is not a function'), 'api: TypeError: x is not a function')
  assert.equal(errorLine('api', '    at somewhere (file.ts:1:1)'), undefined)
  assert.equal(errorLine('api', '{"level":"error"'), undefined)
})
