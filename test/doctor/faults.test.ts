import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { doctorCommand } from '../../src/doctor/index.ts'
import { FAULTS, type FaultCode } from '../../src/doctor/faults.ts'
import { asJson, asText } from '../../src/doctor/report.ts'
import { STEPS } from '../../src/doctor/steps.ts'
import { nowhere, openFakePulse, partition, WELL, type FakePulse } from './fake.ts'

interface Case {
  /** Where the doctor must say that it stops. */
  readonly step: (typeof FAULTS)[FaultCode]['step']
  /** What its remedy must tell. */
  readonly remedy: RegExp
  readonly provoke: (fake: FakePulse) => unknown
  /** Whether the event was sent before the fault could be known. */
  readonly sent?: true
}

const problem = (code: string, detail = 'Because.') => ({ code, detail })
const verdict = (status: string, more: object = {}) => ({ results: [{ event_id: null, status, ...more }] })
const LOST = () => []

/** The compiler asks for one of each. `settings_refused` never gets as far as an examination and has a test of its own. */
const CASES: Readonly<Record<Exclude<FaultCode, 'settings_refused'>, Case>> = {
  api_absent: {
    step: 'accept',
    remedy: /pulse start/,
    provoke: async (fake) => (fake.places = { ...fake.places, apiUrl: await nowhere() }),
  },
  api_silent: { step: 'accept', remedy: /restart it/, provoke: (fake) => (fake.health = 'silent') },
  api_stranger: {
    step: 'accept',
    remedy: /PULSE_API_PORT/,
    provoke: (fake) => (fake.health = [200, '<h1>It works!</h1>']),
  },
  api_draining: { step: 'accept', remedy: /replaces it/, provoke: (fake) => (fake.readyStatus = 503) },
  postgres_away: { step: 'validate', remedy: /PULSE_DATABASE_URL/, provoke: (fake) => (fake.checks.postgres = false) },
  migrations_missing: {
    step: 'validate',
    remedy: /pulse migrate/,
    provoke: (fake) => (fake.postgres = { ...WELL, missingMigrations: ['0009-removal'] }),
  },
  bus_away: { step: 'publish', remedy: /PULSE_KAFKA_BROKERS/, provoke: (fake) => (fake.checks.kafka = false) },
  lake_away: { step: 'flush', remedy: /PULSE_WAREHOUSE/, provoke: (fake) => (fake.checks.minio = false) },
  lake_read_only: {
    step: 'flush',
    remedy: /writable/,
    provoke: (fake) => (fake.machine = { ...fake.machine, unwritable: async () => 'EROFS' }),
  },
  disk_full: {
    step: 'flush',
    remedy: /Make room/,
    provoke: (fake) => (fake.machine = { ...fake.machine, freeBytes: async () => 1_000_000 }),
  },
  tenant_missing: { step: 'validate', remedy: /Restart the API/, provoke: (fake) => (fake.api.hasTenant = false) },
  home_refused: {
    step: 'validate',
    remedy: /problems\.md/,
    provoke: (fake) => (fake.api.down = { status: 403, code: 'tenant_suspended' }),
  },
  table_unreadable: {
    step: 'flush',
    remedy: /backup/,
    provoke: (fake) => (fake.api.down = { status: 503, code: 'dependency_away' }),
  },
  worker_absent: {
    step: 'consume',
    remedy: /pulse worker/,
    async provoke(fake) {
      fake.places = { ...fake.places, workerUrl: await nowhere() }
      fake.postgres = { ...WELL, liveWorkers: 0 }
    },
  },
  worker_silent: { step: 'consume', remedy: /Restart that worker/, provoke: (fake) => (fake.worker.health = 'silent') },
  worker_stopping: {
    step: 'consume',
    remedy: /replaces it/,
    provoke: (fake) => (fake.worker.health = 'The worker is stopping.'),
  },
  partition_unowned: {
    step: 'consume',
    remedy: /healthz/,
    provoke(fake) {
      fake.worker.partitions = []
      fake.postgres = { ...WELL, owned: 0 }
    },
  },
  dataset_parked: {
    step: 'flush',
    remedy: /worker\.dataset\.parked/,
    provoke: (fake) =>
      (fake.worker.partitions = [partition({ committed: 4, parked: [{ dataset: 'canary', fault: 'table' }] })]),
  },
  collect_unanswered: { step: 'accept', remedy: /trace id/, sent: true, provoke: (fake) => (fake.collect = 'breaks') },
  collect_refused: {
    step: 'accept',
    remedy: /problems\.md/,
    sent: true,
    provoke: (fake) => (fake.collect = [413, problem('too_large')]),
  },
  overloaded: {
    step: 'accept',
    remedy: /PULSE_COLLECT_MAX_PENDING_BYTES/,
    sent: true,
    provoke: (fake) => (fake.collect = [503, problem('overloaded')]),
  },
  event_rejected: {
    step: 'validate',
    remedy: /urn:pulse:canary:v1/,
    sent: true,
    provoke: (fake) =>
      (fake.collect = [422, verdict('rejected', { code: 'invalid', errors: [{ pointer: '/text', message: 'odd' }] })]),
  },
  publish_failed: {
    step: 'publish',
    remedy: /min\.insync\.replicas/,
    sent: true,
    provoke: (fake) => (fake.api.verdict = () => 'failed'),
  },
  not_consumed: {
    step: 'consume',
    remedy: /fetch_paused/,
    sent: true,
    provoke(fake) {
      fake.api.lake = LOST
      fake.worker.readAtOnce = false
    },
  },
  dead_lettered: {
    step: 'consume',
    remedy: /dead-letters\.md/,
    sent: true,
    provoke(fake) {
      fake.api.lake = LOST
      fake.worker.error = '1 of 1 became dead letters: unconvertible'
    },
  },
  append_failing: {
    step: 'flush',
    remedy: /worker\.flush\.failed/,
    sent: true,
    provoke(fake) {
      fake.api.lake = LOST
      fake.appendErrors = -1
    },
  },
  not_flushed: {
    step: 'flush',
    remedy: /PULSE_FLUSH_SECONDS/,
    sent: true,
    provoke: (fake) => (fake.api.lake = LOST),
  },
  not_arrived: {
    step: 'consume',
    remedy: /--worker URL/,
    sent: true,
    async provoke(fake) {
      fake.api.lake = LOST
      fake.places = { ...fake.places, workerUrl: await nowhere() }
    },
  },
  row_doubled: {
    step: 'deduplicate',
    remedy: /first promise/,
    sent: true,
    provoke: (fake) => (fake.api.lake = (row) => [row, row]),
  },
  preview_refused: {
    step: 'preview',
    remedy: /two PULSE_WAREHOUSE/,
    sent: true,
    provoke: (fake) => (fake.preview = [503, problem('dependency_away')]),
  },
  not_previewed: {
    step: 'preview',
    remedy: /same PULSE_DATABASE_URL/,
    sent: true,
    provoke: (fake) => (fake.preview = [200, { snapshot_id: '1', rows: [] }]),
  },
  row_corrupted: {
    step: 'preview',
    remedy: /first promise/,
    sent: true,
    provoke: (fake) => (fake.api.lake = (row) => [{ ...row, text: 'another' }]),
  },
  worker_unseen: {
    step: 'beside',
    remedy: /--worker URL/,
    sent: true,
    provoke: async (fake) => (fake.places = { ...fake.places, workerUrl: await nowhere() }),
  },
  other_worker: {
    step: 'beside',
    remedy: /--worker URL/,
    sent: true,
    provoke: (fake) => (fake.worker.partitions = []),
  },
  untraced: { step: 'beside', remedy: /PULSE_TRUSTED_TRACES/, sent: true, provoke: (fake) => (fake.isTraced = false) },
  clock_skew: {
    step: 'beside',
    remedy: /NTP/,
    sent: true,
    provoke: (fake) => (fake.machine = { ...fake.machine, now: () => Date.now() - 60_000 }),
  },
  otlp_unset: {
    step: 'beside',
    remedy: /4317/,
    sent: true,
    provoke: (fake) => (fake.places = { ...fake.places, otlpEndpoint: undefined }),
  },
  otlp_unreachable: {
    step: 'beside',
    remedy: /Start the receiver/,
    sent: true,
    provoke: (fake) => (fake.machine = { ...fake.machine, unreachable: async () => 'ECONNREFUSED' }),
  },
}

test('a Pulse that is well passes nine steps with their times and nothing is noticed', async (t) => {
  const fake = await openFakePulse(t)
  const report = await fake.run()
  assert.deepEqual([report.ok, report.first, report.further], [true, undefined, []])
  assert.deepEqual(
    report.steps.map(({ step, state }) => [step, state]),
    STEPS.map((step) => [step, 'passed']),
  )
  const ms = Object.fromEntries(report.steps.map(({ step, ms: took }) => [step, took]))
  assert.deepEqual(
    [ms['validate'], ms['publish'], ms['buffer'], ms['deduplicate'], ms['flush'], ms['commit']],
    [1.5, 2.5, 1_000, 5, 35, 10],
    'each time is from where it was measured',
  )
  assert.ok((ms['accept'] ?? -1) >= 0 && (ms['consume'] ?? -1) > 0 && (ms['preview'] ?? -1) > 0)
  assert.equal(report.snapshotId, '4711')
  assert.equal(report.flushId, '01900000-0000-7000-8000-00000000f1f1')
  assert.match(report.traceId ?? '', /^[0-9a-f]{32}$/)
})

for (const [code, { step, remedy, provoke, sent }] of Object.entries(CASES) as [FaultCode, Case][]) {
  test(`${code} is named at ${step}, with its remedy`, async (t) => {
    const fake = await openFakePulse(t)
    await provoke(fake)
    const report = await fake.run()
    const found = step === 'beside' ? report.further.find((one) => one.code === code) : report.first
    assert.equal(found?.code, code, JSON.stringify([report.first, report.further]))
    assert.equal(found.step, step)
    assert.match(found.remedy, remedy)
    assert.doesNotMatch(found.sentence, /[{}]|unknown|undefined/, 'the sentence is filled in')
    assert.equal(report.ok, step === 'beside')
    assert.equal(report.traceId !== undefined, sent === true, 'an event is sent only where it can arrive')
    const failed = report.steps.filter(({ state }) => state === 'failed').map((one) => one.step)
    assert.deepEqual(failed, step === 'beside' ? [] : [step])
  })
}

test('settings that cannot be used are the first thing', async (t) => {
  process.env['PULSE_API_PORT'] = 'eight'
  t.after(() => delete process.env['PULSE_API_PORT'])
  let said = ''
  const code = await doctorCommand({ timeout: 1, json: true }, (text) => (said += text))
  const { first } = JSON.parse(said) as { first: Record<string, string> }
  assert.equal(code, 1)
  assert.deepEqual([first['code'], first['step']], ['settings_refused', 'accept'])
  assert.match(first['sentence'] ?? '', /PULSE_API_PORT/)
  assert.match(first['remedy'] ?? '', /settings\.md/)
})

test('where something goes away under way, that is named and not its effect', async (t) => {
  const fake = await openFakePulse(t)
  fake.api.lake = LOST
  fake.api.verdict = () => {
    fake.worker.health = 'The worker is stopping.'
    return 'accepted'
  }
  const report = await fake.run()
  assert.equal(report.first?.code, 'worker_stopping')
  assert.ok(report.further.some(({ code }) => code === 'not_flushed'))
})

test('with no worker in sight a row that is there proves all nine steps', async (t) => {
  const fake = await openFakePulse(t)
  fake.places = { ...fake.places, workerUrl: await nowhere() }
  const report = await fake.run()
  assert.ok(report.ok)
  assert.ok(report.steps.every(({ state }) => state === 'passed'))
  assert.equal(report.steps.find(({ step }) => step === 'flush')?.ms, undefined)
})

test('the page of the doctor lists each fault with its step, sentence and remedy', async () => {
  const page = await readFile(join(import.meta.dirname, '../../docs/operate/doctor.md'), 'utf8')
  const rows = Object.entries(FAULTS).map(
    ([code, { step, sentence, remedy }]) => `| \`${code}\` | ${step} | ${sentence} | ${remedy} |`,
  )
  const listed = page.split('\n').filter((line) => line.startsWith('| `'))
  assert.deepEqual(listed, rows)
})

test('an answer that never ends is not waited for, and not kept', async (t) => {
  const fake = await openFakePulse(t)
  const server = createServer((_request, response) => {
    const more = (): void =>
      void (response.write(Buffer.alloc(1 << 20, ' ')) ? setImmediate(more) : response.once('drain', more))
    more()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  fake.places = { ...fake.places, apiUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
  const report = await fake.run()
  assert.equal(report.first?.code, 'api_silent')
  assert.match(report.first.sentence, /more than 16 MiB/)
})

test('whoever answers with anything at all is no defect', async (t) => {
  const odd = [
    null,
    7,
    'x',
    [],
    [null, 7, [[]]],
    { status: 'ok' },
    { checks: [], details: 7, spans: {}, rows: null },
    { spans: [null] },
  ]
  for (const body of odd) {
    const fake = await openFakePulse(t)
    fake.worker = { ...fake.worker, partitions: body }
    fake.collect = [202, body]
    fake.preview = [200, body]
    const report = await fake.run(50)
    assert.ok(report.first !== undefined, JSON.stringify(body))
    assert.ok(asText(report).includes(report.first.remedy) && JSON.parse(asJson(report)) !== null)
  }
})
