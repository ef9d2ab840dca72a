import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { eventAt } from '../../src/canary/index.ts'
import { partitionsOf } from '../../src/doctor/partitions.ts'
import { rawTopic } from '../../src/event/index.ts'
import { bootPulse, type Member, type System } from '../kit/system.ts'
import { until } from '../kit/until.ts'
import { nowhere } from './fake.ts'

const run = promisify(execFile)
const LAUNCHER = join(import.meta.dirname, '../../bin/pulse.mjs')

interface Said {
  readonly code: number
  readonly ok: boolean
  readonly trace_id: string | null
  readonly event_id: string | null
  readonly snapshot_id: string | null
  readonly flush_id: string | null
  readonly steps: readonly { readonly step: string; readonly state: string; readonly ms: number | null }[]
  readonly first: { readonly code: string; readonly step: string; readonly remedy: string } | null
  readonly further: readonly { readonly code: string }[]
}

/** `pulse doctor --json`, as somebody types it beside the running system. */
function doctor(system: System, ...more: readonly string[]): Promise<Said> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ...system.env }
    execFile(process.execPath, [LAUNCHER, 'doctor', '--json', ...more], { env }, (error, out, errors) => {
      try {
        const code = error === null ? 0 : Number((error as { code?: unknown }).code)
        resolve({ ...(JSON.parse(out) as Omit<Said, 'code'>), code })
      } catch {
        reject(new Error(`${out}\n${errors}`))
      }
    })
  })
}

/** `pulse trace --json`, the same way. */
async function trace(system: System, ...more: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  const env = { ...process.env, ...system.env }
  const { stdout } = await run(process.execPath, [LAUNCHER, 'trace', '--json', ...more], { env })
  return JSON.parse(stdout) as Record<string, unknown>
}

/** Kills a member and holds the supervisor, so that it stays down until this is disposed. */
async function keptDown(system: System, member: Member): Promise<Disposable> {
  const { pid } = JSON.parse(await readFile(join(system.dataDir, 'run.json'), 'utf8')) as { pid: number }
  process.kill(pid, 'SIGSTOP')
  system.kill9(member)
  return { [Symbol.dispose]: () => void process.kill(pid, 'SIGCONT') }
}

/** What `/ready` says, within 15 s. */
async function readyIs(system: System, wanted: Readonly<Record<string, boolean>>): Promise<void> {
  await until(`/ready to say ${JSON.stringify(wanted)}`, async () => {
    const { checks } = (await (await fetch(`${system.baseUrl}/ready`)).json()) as { checks: Record<string, boolean> }
    return Object.entries(wanted).every(([name, is]) => checks[name] === is)
  })
}
const ALL = { postgres: true, kafka: true, minio: true }

async function asAdmin(system: System, text: string, values: readonly unknown[] = []): Promise<unknown[]> {
  const client = new Client({ connectionString: system.adminUrl() })
  await client.connect()
  try {
    return (await client.query(text, [...values])).rows as unknown[]
  } finally {
    await client.end()
  }
}

test('beside a running system', { timeout: 170_000 }, async (t) => {
  await using system = await bootPulse({ PULSE_FLUSH_SECONDS: '0.3' })
  const named = async (code: string, step: string, remedy: RegExp, ...more: readonly string[]): Promise<Said> => {
    const said = await doctor(system, ...more)
    assert.equal(said.first?.code, code, JSON.stringify(said))
    assert.equal(said.first.step, step)
    assert.match(said.first.remedy, remedy)
    assert.equal(said.code, 1)
    return said
  }

  await t.test('nine steps are well, each with its time, and the trace leads to the snapshot', async () => {
    const said = await doctor(system)
    assert.equal(said.code, 0, JSON.stringify(said))
    assert.deepEqual(
      said.steps.filter(({ state, ms }) => state !== 'passed' || ms === null),
      [],
    )
    assert.equal(said.steps.length, 9)
    assert.match(said.snapshot_id ?? '', /^\d+$/)
    const worker = `http://127.0.0.1:${system.port('worker')}`
    const flush = await (await fetch(`${worker}/traces/${said.flush_id?.replaceAll('-', '')}`)).text()
    assert.ok(flush.includes('flush dataset'), 'the trace of the flush is named by its id')
    assert.deepEqual(
      said.further.map(({ code }) => code),
      ['otlp_unset'],
    )
  })

  await t.test('from its row the event leads back to its request, its flush and its snapshot', async () => {
    const sent = await doctor(system)
    const byId = await trace(system, sent.event_id ?? '', '--tenant', 'pulse-canary')
    const about = ['event_id', 'trace_id', 'flush_id', 'snapshot_id'] as const
    const pick = (from: object) => about.map((name) => (from as Record<string, unknown>)[name])
    assert.deepEqual(pick(byId), pick(sent))
    assert.match(String(byId['source']), /^pulse\.[0-9a-f-]{36}\.events\.raw\/0\/\d+$/)
    assert.deepEqual(await trace(system, String(byId['source'])), byId, 'by its source the same')
    const [none] = await Promise.allSettled([trace(system, sent.trace_id ?? '')])
    assert.match(String((none as PromiseRejectedResult).reason.stdout), /neither an event id nor/)
  })

  await t.test('the API is not running', async () => {
    const said = await named('api_absent', 'accept', /pulse start/, '--api', await nowhere())
    assert.equal(said.trace_id, null)
  })

  await t.test('another program has the port', async () => {
    const other = createServer((_request, response) => void response.end('<h1>It works!</h1>'))
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`
    await named('api_stranger', 'accept', /PULSE_API_PORT/, '--api', url)
    other.closeAllConnections()
    other.close()
  })

  await t.test('the settings cannot be used', async () => {
    const broken = { ...system, env: { ...system.env, PULSE_FLUSH_ROWS: 'many' } }
    const said = await doctor(broken)
    assert.deepEqual([said.code, said.first?.code, said.first?.step], [1, 'settings_refused', 'accept'])
  })

  await t.test('the database lacks a migration', async () => {
    const [last] = (await asAdmin(
      system,
      'DELETE FROM pulse_migrations WHERE id = (SELECT max(id) FROM pulse_migrations) RETURNING name, run_on',
    )) as { name: string; run_on: Date }[]
    await named('migrations_missing', 'validate', /pulse migrate/)
    await asAdmin(system, 'INSERT INTO pulse_migrations (name, run_on) VALUES ($1, $2)', [last?.name, last?.run_on])
  })

  await t.test('the tenant of the canary is gone', async () => {
    await asAdmin(system, "UPDATE tenants SET slug = 'gone' WHERE slug = 'pulse-canary'")
    await named('tenant_missing', 'validate', /Restart the API/)
    await asAdmin(system, "UPDATE tenants SET slug = 'pulse-canary' WHERE slug = 'gone'")
  })

  await t.test('the lake is a file where a folder was', async () => {
    const lake = join(system.dataDir, 'warehouse')
    await rename(lake, `${lake}-aside`)
    await writeFile(lake, '')
    await readyIs(system, { minio: false })
    await named('lake_away', 'flush', /PULSE_WAREHOUSE/)
    await rm(lake)
    await rename(`${lake}-aside`, lake)
    await readyIs(system, ALL)
  })

  await t.test('the worker is stopped where it stands', async () => {
    const pid = system.pid('worker') as number
    process.kill(pid, 'SIGSTOP')
    try {
      await named('worker_silent', 'consume', /Restart that worker/)
    } finally {
      process.kill(pid, 'SIGCONT')
    }
  })

  await t.test('the worker is killed', async () => {
    {
      using _down = await keptDown(system, 'worker')
      await until('nobody to listen', () =>
        fetch(`http://127.0.0.1:${system.env['PULSE_WORKER_HEALTH_PORT']}/livez`).then(
          () => false,
          () => true,
        ),
      )
      await named('worker_absent', 'consume', /pulse worker/)
    }
  })

  await t.test('the bus is stopped', async () => {
    {
      using _down = await keptDown(system, 'bus')
      await readyIs(system, { kafka: false })
      await named('bus_away', 'publish', /PULSE_KAFKA_BROKERS/)
    }
    await readyIs(system, ALL)
  })

  await t.test('Postgres is stopped', async () => {
    {
      using _down = await keptDown(system, 'postgres')
      await readyIs(system, { postgres: false })
      await named('postgres_away', 'validate', /PULSE_DATABASE_URL/)
    }
    await readyIs(system, ALL)
  })

  await t.test('all of it mended, nine steps are well again', async () => {
    const said = await doctor(system)
    assert.equal(said.code, 0, JSON.stringify(said))
  })

  await t.test('the lake takes no new file', async () => {
    const [table] = (await asAdmin(
      system,
      "SELECT metadata_location AS at FROM iceberg_catalog.iceberg_tables WHERE table_name LIKE '%canary%'",
    )) as { at: string }[]
    const data = join(dirname(dirname((table?.at ?? '').slice('file://'.length))), 'data')
    await rename(data, `${data}-aside`)
    await writeFile(data, '')
    const said = await named('append_failing', 'flush', /worker\.flush\.failed/, '--timeout', '1.5')
    assert.notEqual(said.trace_id, null, 'known only once it was sent')
    await rm(data)
    await rename(`${data}-aside`, data)
  })

  await t.test('the table is lost', async () => {
    await asAdmin(system, "UPDATE iceberg_catalog.iceberg_tables SET metadata_location = metadata_location || '.lost'")
    const tenants = (await (await fetch(`${system.baseUrl}/v1/tenants?slug=pulse-canary`)).json()) as {
      items: { id: string }[]
    }
    const { line } = eventAt({ seed: 'lost', round: 1, position: 1, startedAtMs: Date.now() }, 'canary')
    const headers = { 'x-tenant-id': tenants.items[0]?.id ?? '', 'content-type': 'application/x-ndjson' }
    const sent = await fetch(`${system.baseUrl}/v1/collect`, { method: 'POST', headers, body: `${line}\n` })
    assert.equal(sent.status, 202)
    // Of a table that the API can read and the worker not the doctor says `dataset_parked`: by this.
    const worker = `http://127.0.0.1:${system.env['PULSE_WORKER_HEALTH_PORT']}`
    await until('the worker to say that it is parked', async () =>
      (await partitionsOf(worker, rawTopic(tenants.items[0]?.id ?? '')))?.some(({ parked }) => parked === 'table'),
    )
  })
})
