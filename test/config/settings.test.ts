import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  SETTINGS,
  SettingsRefused,
  keyOf,
  loadSettings,
  readSettings,
  redact,
  settingsDocument,
  settingsHash,
  settingsHelp,
} from '../../src/config/index.ts'
import { ownFolder } from '../kit/folder.ts'

test('without any variable every setting has its default, frozen', () => {
  const settings = loadSettings({})
  assert.equal(settings.apiPort, 8000)
  assert.equal(settings.flushSeconds, 30)
  assert.equal(settings.flushRows, 10_000)
  assert.equal(settings.databaseUrl, undefined)
  assert.deepEqual(settings.kafkaBrokers, [])
  assert.match(settings.warehouse, /^file:\/\/\/.*\/\.pulse\/warehouse$/)
  assert.throws(() => Object.assign(settings, { apiPort: 1 }), TypeError)
})

test('every setting that others rely on is in the table', () => {
  for (const name of (
    'DATA_DIR HOST API_PORT WORKER_METRICS_PORT WORKER_HEALTH_PORT BUS_PORT POSTGRES_PORT DATABASE_URL ADMIN_DATABASE_URL KAFKA_BROKERS ' +
    'TOPIC_PARTITIONS TOPIC_REPLICATION TOPIC_MIN_INSYNC BUS_TRUSTED PUBLISH_TIMEOUT_MS WAREHOUSE S3_ENDPOINT S3_REGION S3_ACCESS_KEY S3_SECRET_KEY ' +
    'S3_PATH_STYLE FLUSH_SECONDS FLUSH_ROWS FLUSH_MAX_ROWS FLUSH_MAX_FILES BUFFER_BYTES DEDUP_DAYS LEASE_SECONDS DRAIN_SECONDS CANARY_SECONDS ' +
    'OTLP_ENDPOINT TRACES_PER_SECOND TELEMETRY LOG_LEVEL AUTH BUS_RETENTION_HOURS BUS_MAX_BYTES DEAD_LETTER_DAYS COLLECT_MAX_BODY_BYTES ' +
    'COLLECT_MAX_EVENT_BYTES COLLECT_MAX_EVENTS COLLECT_MAX_DEPTH SNAPSHOTS_KEEP SNAPSHOT_SECONDS READER_GRACE_SECONDS COMMITS_PER_SECOND PARK_SECONDS'
  ).split(' ')) {
    assert.ok(`PULSE_${name}` in SETTINGS, `PULSE_${name}`)
  }
  assert.equal(keyOf('PULSE_S3_PATH_STYLE'), 's3PathStyle')
})

test('everything that is wrong is said at once, a sentence each, without the secrets', () => {
  assert.throws(
    () =>
      loadSettings({
        PULSE_API_PORT: '80000',
        PULSE_FLUSH_ROWS: 'many',
        PULSE_BUS_TRUSTED: 'yes',
        PULSE_DATABASE_URL: 'mysql://me:hunter2@h/d',
        PULSE_KAFKA_BROKERS: 'a:1,b',
      }),
    (error) => {
      assert.ok(error instanceof SettingsRefused)
      assert.equal(error.faults.length, 5)
      assert.match(error.message, /PULSE_API_PORT must be .* not "80000"\./)
      assert.match(error.message, /PULSE_KAFKA_BROKERS .*"b" is not/)
      assert.doesNotMatch(error.message, /hunter2/)
      return true
    },
  )
})

test('values that are wrong together are refused', () => {
  assert.throws(() => loadSettings({ PULSE_FLUSH_ROWS: '500', PULSE_FLUSH_MAX_ROWS: '10' }), /PULSE_FLUSH_MAX_ROWS/)
  assert.throws(() => loadSettings({ PULSE_KAFKA_SASL_MECHANISM: 'PLAIN' }), /set together/)
})

test('an unknown variable is a warning that names the nearest', () => {
  const { warnings } = readSettings({ PULSE_FLUHS_SECONDS: '3', PULSE_DATABASE_URL_FIL: 'x', OTHER: '1' })
  assert.equal(warnings.length, 2)
  assert.match(warnings[0] ?? '', /PULSE_FLUHS_SECONDS .* did you mean PULSE_FLUSH_SECONDS\?/)
  assert.match(warnings[1] ?? '', /did you mean PULSE_DATABASE_URL_FILE\?/)
})

test('a secret may come from a file, but not from two places', async (t) => {
  const folder = await ownFolder(t)
  const file = join(folder, 'url')
  await writeFile(file, 'postgres://pulse_app:s%40cret@db:5432/pulse\n')
  assert.equal(
    loadSettings({ PULSE_DATABASE_URL_FILE: file }).databaseUrl,
    'postgres://pulse_app:s%40cret@db:5432/pulse',
  )
  assert.throws(
    () => loadSettings({ PULSE_DATABASE_URL_FILE: file, PULSE_DATABASE_URL: 'postgres://a@b/c' }),
    /both set/,
  )
  assert.throws(
    () => loadSettings({ PULSE_S3_SECRET_KEY_FILE: join(folder, 'absent') }),
    /PULSE_S3_SECRET_KEY cannot be read from/,
  )
})

test('a folder becomes a file URI, an s3 prefix loses its last slash, other schemes are refused', () => {
  assert.equal(loadSettings({ PULSE_WAREHOUSE: '/data/a b/' }).warehouse, 'file:///data/a%20b')
  assert.equal(loadSettings({ PULSE_WAREHOUSE: 's3://pulse/iceberg/' }).warehouse, 's3://pulse/iceberg')
  assert.throws(() => loadSettings({ PULSE_WAREHOUSE: 'gs://pulse' }), /PULSE_WAREHOUSE/)
})

test('printed settings hold no secret', () => {
  const settings = loadSettings({
    PULSE_DATABASE_URL: 'postgres://app:hunter2@db/p?password=hunter2',
    PULSE_S3_ACCESS_KEY: 'hunter2',
    PULSE_S3_SECRET_KEY: 'hunter2',
    PULSE_KAFKA_SASL_MECHANISM: 'PLAIN',
    PULSE_KAFKA_SASL_USERNAME: 'u',
    PULSE_KAFKA_SASL_PASSWORD: 'hunter2',
  })
  const printed = JSON.stringify(redact(settings))
  assert.doesNotMatch(printed, /hunter2/)
  assert.match(printed, /postgres:\/\/app:\*\*\*@db\/p/)
})

test('docs/reference/settings.md is what the table says (write it with: npm run check -- --write)', async () => {
  assert.equal(
    await readFile(join(import.meta.dirname, '../../docs/reference/settings.md'), 'utf8'),
    settingsDocument(),
  )
})

test('the help of pulse start names every setting', () => {
  for (const name of Object.keys(SETTINGS)) assert.ok(settingsHelp().includes(`  ${name} `), name)
})

test('the hash of the settings changes with a setting, and neither with a password nor with the order of variables', () => {
  const hash = (more: Record<string, string>) => settingsHash(loadSettings(more))
  const url = (password: string) => ({ PULSE_DATABASE_URL: `postgres://pulse_app:${password}@h/pulse` })
  assert.match(hash({}), /^[0-9a-f]{12}$/)
  assert.equal(hash(url('one')), hash(url('two')))
  assert.notEqual(hash(url('one')), hash({}))
  assert.notEqual(hash({ PULSE_FLUSH_SECONDS: '3' }), hash({}))
  assert.equal(
    hash({ PULSE_FLUSH_SECONDS: '3', PULSE_HOST: '0.0.0.0' }),
    hash({ PULSE_HOST: '0.0.0.0', PULSE_FLUSH_SECONDS: '3' }),
  )
})
