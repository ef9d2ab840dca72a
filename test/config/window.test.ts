import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadSettings, settingsHash, windowSettings } from '../../src/config/index.ts'

test('what a process shows is bounded, signed and told every secret that it must not show', () => {
  const settings = loadSettings({
    PULSE_TELEMETRY: 'off',
    PULSE_LOG_LEVEL: 'warn',
    PULSE_METRICS_TENANTS: '7',
    PULSE_DATABASE_URL: 'postgres://pulse_app:hidden@db:5432/pulse',
    PULSE_OTLP_ENDPOINT: 'http://otlp:4317',
  })
  const { secrets, about, limits, ...rest } = windowSettings(settings)
  assert.deepEqual(rest, { logLevel: 'warn', enabled: false, otlpEndpoint: settings.otlpEndpoint })
  assert.ok(secrets.includes('hidden'))
  assert.equal(limits.tenants, 7)
  assert.equal(about.configHash, settingsHash(settings))
  assert.equal(windowSettings(loadSettings({})).enabled, true)
})
