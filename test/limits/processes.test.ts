import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { after, test } from 'node:test'
import { startEmbeddedBus } from '../../src/bus/embedded/start.ts'
import { makeJourney, askerOf } from '../kit/api-server.ts'
import { ownFolder } from '../kit/folder.ts'
import { withPostgres } from '../kit/postgres.ts'
import { until } from '../kit/until.ts'

/** Three API processes on one Postgres and one bus, as they stand behind a proxy. */
const owner = { after }
const postgres = await withPostgres(owner)
const bus = await startEmbeddedBus({
  dataDir: await ownFolder(owner),
  host: '127.0.0.1',
  port: 0,
  maxBytes: 1 << 30,
})
after(() => bus.close())

interface Process {
  readonly url: string
  kill(): Promise<void>
}

async function startProcess(): Promise<Process> {
  const child: ChildProcess = fork(new URL('../kit/api-process.ts', import.meta.url), {
    execArgv: ['--expose-gc'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: {
      PATH: process.env['PATH'],
      PULSE_API_PORT: '0',
      PULSE_DATA_DIR: await ownFolder(owner),
      PULSE_DATABASE_URL: postgres.appUrl,
      PULSE_KAFKA_BROKERS: `127.0.0.1:${bus.port}`,
      PULSE_CANARY_SECONDS: '0',
    },
  })
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  after(kill)
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  return { url: `http://127.0.0.1:${port}`, kill }
}

const processes = await Promise.all([startProcess(), startProcess(), startProcess()])
const first = processes[0] as Process
const ask = askerOf(first.url)
const admin = postgres.sql('admin')

async function limited(limits: object): Promise<{ tenant: string; slug: string }> {
  const { tenant, slug } = await makeJourney({ ask })
  const set = await ask('PATCH', `/v1/tenants/${tenant}`, { body: { limits } })
  assert.equal(set.status, 200, set.text)
  return { tenant, slug }
}

/** Large enough that few requests carry more than is allowed, also on a machine that has little time for this test. */
const BATCH = 50
const EVENT = JSON.stringify({ dataset: 'events', data: { user: 'u', n: 1, timestamp: '2026-01-01T00:00:00Z' } })
const BODY = `${EVENT}\n`.repeat(BATCH)

interface Sent {
  readonly status: number
  readonly code: string | undefined
}

async function send(url: string, tenant: string): Promise<Sent> {
  const response = await fetch(`${url}/v1/collect`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson', 'x-tenant-id': tenant },
    body: BODY,
    signal: AbortSignal.timeout(20_000),
  })
  const body = (await response.json()) as { code?: string }
  assert.ok([202, 429].includes(response.status), `${response.status} ${JSON.stringify(body)}`)
  return { status: response.status, code: body.code }
}

/** Clients of one process. */
const CLIENTS = 2

/** Clients that send as soon as they may: events accepted, by process, after `leadMs`, for `ms`; and in how many seconds somebody was refused. */
async function load(
  all: readonly Process[],
  tenant: string,
  leadMs: number,
  ms: number,
): Promise<{ readonly counts: readonly number[]; readonly contested: number }> {
  const fromMs = performance.now() + leadMs
  const counts = all.map(() => 0)
  const refused = new Set<number>()
  const client = async (url: string, at: number): Promise<void> => {
    while (performance.now() < fromMs + ms) {
      const { status } = await send(url, tenant)
      const nowMs = performance.now()
      const isCounted = nowMs >= fromMs && nowMs < fromMs + ms
      if (status === 429) await delay(20)
      if (!isCounted) continue
      if (status === 429) refused.add(Math.floor((nowMs - fromMs) / 1_000))
      else counts[at] = (counts[at] ?? 0) + BATCH
    }
  }
  await Promise.all(all.flatMap(({ url }, at) => Array.from({ length: CLIENTS }, () => client(url, at))))
  return { counts, contested: refused.size }
}
const sumOf = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0)

for (const unit of ['events', 'bytes'] as const)
  test(`three processes let through together what is allowed of ${unit} a second, within a tenth`, async (t) => {
    const seconds = unit === 'events' ? 10 : 5
    const perSecond = BATCH * 10
    const { tenant } = await limited(
      unit === 'events' ? { events_per_second: perSecond } : { bytes_per_second: BODY.length * 10 },
    )
    const { counts, contested } = await load(processes, tenant, 1_500, seconds * 1_000)
    const sum = sumOf(counts)
    t.diagnostic(
      `${sum} of ${perSecond * seconds} events in ${seconds} s (${counts.join(', ')}), ${contested} s contested`,
    )
    // At the end every client may have one request that is not paid for yet.
    assert.ok(sum < perSecond * seconds * 1.1 + BATCH * CLIENTS * processes.length, `${sum}`)
    // A second in which nobody was refused is one in which less was asked for: a busy machine has some.
    assert.ok(contested > 0 && sum > perSecond * contested * 0.9 - BATCH * CLIENTS, `${sum} in ${contested} s`)
  })

test('where the buckets cannot be reached for a while every process goes on at the rate by itself, and nobody is refused for it', async (t) => {
  const allowed = 500
  const seconds = 2
  const { tenant } = await limited({ events_per_second: allowed })
  await load(processes, tenant, 0, 500)
  const locked = admin.query(
    `BEGIN; LOCK TABLE limit_buckets IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(${seconds + 1}); COMMIT`,
  )
  const { counts } = await load(processes, tenant, 500, seconds * 1_000)
  await locked
  t.diagnostic(`${counts.join(', ')} events of ${allowed * seconds} each while the table was locked`)
  for (const count of counts)
    assert.ok(count > (allowed * seconds) / 3 && count < allowed * seconds * 1.3, `${counts.join(', ')}`)
  const together = sumOf((await load(processes, tenant, 2_500, 2_000)).counts)
  t.diagnostic(`${together} of ${allowed * 2} afterwards`)
  assert.ok(together > allowed * 2 * 0.7 && together < allowed * 2 * 1.3, `${together}`)
})

test("a day's quota is one for all processes, is left by kill -9 as it was, and another limit is heard everywhere within two seconds", async (t) => {
  const allowed = 5_000
  const { tenant } = await limited({ events_per_day: allowed })
  let accepted = 0
  const drain = async ({ url }: Process): Promise<void> => {
    for (;;) {
      const { status, code } = await send(url, tenant)
      if (status === 202) accepted += BATCH
      else return assert.equal(code, 'quota_exceeded')
    }
  }
  await Promise.all(processes.map(drain))
  t.diagnostic(`${accepted} of ${allowed}`)
  assert.ok(accepted >= allowed && accepted < allowed * 1.1, `${accepted}`)
  const [, second, third] = processes as [Process, Process, Process]
  await third.kill()
  const fresh = await startProcess()
  assert.deepEqual(await send(fresh.url, tenant), { status: 429, code: 'quota_exceeded' })

  const set = await ask('PATCH', `/v1/tenants/${tenant}`, { body: { limits: { events_per_day: allowed * 2 } } })
  assert.equal(set.status, 200)
  const fromMs = performance.now()
  await until('the others have heard', async () =>
    (await Promise.all([second, fresh].map(({ url }) => send(url, tenant)))).every(({ status }) => status === 202),
  )
  const tookMs = performance.now() - fromMs
  t.diagnostic(`heard after ${Math.round(tookMs)} ms`)
  assert.ok(tookMs < 4_000, `${tookMs}: two seconds, and what a busy machine adds`)
})
