import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadSettings } from '../../src/config/index.ts'
import { busSettings, neededPlaces, objectStoreOptions } from '../../src/places/index.ts'

test('what is not set stays absent, what is set arrives', () => {
  const plain = busSettings(loadSettings({ PULSE_KAFKA_BROKERS: 'a:1,b:2' }), 'me')
  assert.deepEqual(plain, { brokers: ['a:1', 'b:2'], clientId: 'me', publishTimeoutMs: 5_000 })
  const full = busSettings(
    loadSettings({
      PULSE_KAFKA_BROKERS: 'a:1',
      PULSE_TOPIC_REPLICATION: '3',
      PULSE_KAFKA_TLS: 'true',
      PULSE_KAFKA_SASL_MECHANISM: 'PLAIN',
      PULSE_KAFKA_SASL_USERNAME: 'u',
      PULSE_KAFKA_SASL_PASSWORD: 'p',
    }),
    'me',
  )
  assert.equal(full.topicReplication, 3)
  assert.deepEqual(full.tls, { rejectUnauthorized: true })
  assert.deepEqual(full.sasl, { mechanism: 'PLAIN', username: 'u', password: 'p' })
  const lake = objectStoreOptions(
    loadSettings({
      PULSE_WAREHOUSE: 's3://pulse/iceberg/',
      PULSE_S3_ENDPOINT: 'http://s3:9000',
      PULSE_DATA_DIR: '/data',
    }),
    'worker',
  )
  assert.match(lake.warehouse, /^s3:\/\/pulse\/iceberg/)
  assert.equal(lake.s3?.endpoint, 'http://s3:9000')
  assert.equal(lake.cacheDir, '/data/cache/worker')
})

test('a place that is not named is missed in a sentence that says what to do', () => {
  const settings = loadSettings({ PULSE_DATABASE_URL: 'postgres://x@y/z', PULSE_KAFKA_BROKERS: 'a:1' })
  assert.deepEqual(neededPlaces(settings), { databaseUrl: 'postgres://x@y/z' })
  assert.throws(() => neededPlaces({ ...settings, databaseUrl: undefined }), /PULSE_DATABASE_URL is not set/)
  assert.throws(() => neededPlaces({ ...settings, kafkaBrokers: [] }), /PULSE_KAFKA_BROKERS is not set/)
})
