import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { assertBalanced } from '../kit/account.ts'
import { makePlace, type Place } from '../kit/api.ts'
import { type Client, openClient } from '../kit/client.ts'
import { readLake } from '../kit/lake-reader.ts'
import { startSecondWorker } from '../kit/second-worker.ts'
import { chance } from '../kit/seed.ts'
import { bootPulse, type System } from '../kit/system.ts'
import { until } from '../kit/until.ts'

const LEASE_SECONDS = 3
/** So many partitions that it takes more than bad luck for a worker to get none. */
const SETTINGS = { PULSE_FLUSH_SECONDS: '0.3', PULSE_TOPIC_PARTITIONS: '4' }

const DEFINITION = {
  type: 'object',
  properties: { timestamp: { type: 'string', format: 'date-time' }, at: { type: 'integer' } },
  required: ['timestamp', 'at'],
}

async function addWorker(t: TestContext, system: System): ReturnType<typeof startSecondWorker> {
  const second = await startSecondWorker(system)
  t.after(() => second.program.kill())
  return second
}

function load(system: System, places: readonly Place[]): { stop: () => Promise<void>; clients: Map<Place, Client> } {
  const stop = new AbortController()
  const clients = new Map(
    places.map((place) => [
      place,
      openClient({
        baseUrl: () => system.baseUrl,
        tenantId: place.tenantId,
        dataset: place.dataset,
        perRequest: 5,
        pauseMs: 20,
        eventAt: (at) => ({ timestamp: new Date(1_790_000_000_000 + at * 1_000).toISOString(), at }),
      }),
    ]),
  )
  const running = [...clients.values()].map((client) => client.run(stop.signal))
  return {
    clients,
    async stop() {
      stop.abort()
      await Promise.all(running)
    },
  }
}

async function settle(system: System, clients: ReadonlyMap<Place, Client>, context: string): Promise<number> {
  let total = 0
  for (const [place, client] of clients) {
    const read = () => readLake(system.baseUrl, place.tenantId, place.dataset)
    await until(
      `all of ${place.tenantSlug} to be rows`,
      async () => (await read()).rows.length >= client.acknowledged.size,
      60_000,
      250,
    ).catch(() => {
      // The account below says by name what is missing.
    })
    const lake = await read()
    assertBalanced(
      {
        sent: client.sent,
        acknowledged: client.acknowledged,
        rowIds: lake.rows.map((row) => String(row['id'])),
        deadLetterIds: [],
      },
      `${place.tenantSlug}: ${context}`,
    )
    total += lake.rows.length
  }
  return total
}

test('shares move between two workers that are added, killed and paused beyond their lease, without loss or double', async (t) => {
  const luck = chance()
  t.diagnostic(`seed ${luck.seed} (TEST_SEED repeats it)`)
  await using system = await bootPulse({ ...SETTINGS, PULSE_LEASE_SECONDS: String(LEASE_SECONDS) })
  const places: Place[] = []
  for (let tenant = 0; tenant < 6; tenant += 1) places.push(await makePlace(system.baseUrl, DEFINITION))
  const { clients, stop } = load(system, places)

  for (let round = 0; round < 2; round += 1) {
    const second = await addWorker(t, system)
    await sleep(luck.between(300, 1_500))

    // The first is paused for longer than its lease: the second takes over and commits. Continued,
    // the first must find that what it had in hand is no longer its to commit.
    const first = await until('the first worker to run', () => system.pid('worker'))
    process.kill(first, 'SIGSTOP')
    await sleep(LEASE_SECONDS * 1_000 + luck.between(500, 2_500))
    process.kill(first, 'SIGCONT')
    await sleep(luck.between(500, 2_000))

    // The same for the second, which then dies without a word while the load goes on.
    process.kill(second.program.pid, 'SIGSTOP')
    await sleep(LEASE_SECONDS * 1_000 + luck.between(500, 1_500))
    process.kill(second.program.pid, 'SIGCONT')
    await sleep(luck.between(300, 1_500))
    await second.program.kill()
    await sleep(luck.between(300, 1_000))
  }

  await stop()
  const rows = await settle(system, clients, `seed ${luck.seed}`)
  t.diagnostic(`${rows} rows over ${places.length} tenants`)
  assert.ok(rows > 500, 'too little was sent for this to prove anything')
})

test('a worker that stops on request gives its share back at once, not after a lease', async (t) => {
  await using system = await bootPulse({ ...SETTINGS, PULSE_LEASE_SECONDS: '20' })
  const places: Place[] = []
  for (let tenant = 0; tenant < 6; tenant += 1) places.push(await makePlace(system.baseUrl, DEFINITION))
  const second = await addWorker(t, system)
  const { clients, stop } = load(system, places)
  await sleep(1_500)
  const code = await second.program.end(60_000)
  const leftAt = Date.now()
  assert.equal(code, 0)
  await stop()
  await settle(system, clients, 'after a graceful stop')
  assert.ok(Date.now() - leftAt < 15_000, 'the share lay idle until its lease was over')
})

test('two workers with partitions of the same tenants commit to the same tables, through kills and pauses, without loss or double', async (t) => {
  const luck = chance()
  t.diagnostic(`seed ${luck.seed} (TEST_SEED repeats it)`)
  await using system = await bootPulse({
    PULSE_TOPIC_PARTITIONS: '4',
    PULSE_FLUSH_SECONDS: '0.2',
    PULSE_LEASE_SECONDS: String(LEASE_SECONDS),
  })
  const places: Place[] = []
  for (let tenant = 0; tenant < 3; tenant += 1) places.push(await makePlace(system.baseUrl, DEFINITION))
  const second = await addWorker(t, system)
  const topicsOf = async (healthPort: number): Promise<string[]> => {
    const answer = await fetch(`http://127.0.0.1:${healthPort}/partitions`)
    return ((await answer.json()) as { topic: string }[]).map(({ topic }) => topic)
  }
  await until('both to read partitions of one tenant', async () => {
    const [mine, others] = await Promise.all([
      topicsOf(Number(system.env['PULSE_WORKER_HEALTH_PORT'])),
      topicsOf(second.healthPort),
    ])
    return mine.length + others.length >= 12 && mine.some((topic) => others.includes(topic))
  })
  const { clients, stop } = load(system, places)
  await sleep(2_000) // both commit to each table, five times a second

  const first = await until('the first worker to run', () => system.pid('worker'))
  process.kill(first, 'SIGSTOP')
  await sleep(LEASE_SECONDS * 1_000 + luck.between(500, 1_500))
  process.kill(first, 'SIGCONT')
  await sleep(luck.between(500, 1_500))
  system.kill9('worker')
  await sleep(luck.between(500, 2_000))
  process.kill(second.program.pid, 'SIGSTOP')
  await sleep(luck.between(200, LEASE_SECONDS * 1_000))
  process.kill(second.program.pid, 'SIGCONT')
  await sleep(luck.between(300, 1_000))
  await second.program.kill()
  await sleep(luck.between(300, 1_000))

  await stop()
  const rows = await settle(system, clients, `seed ${luck.seed}`)
  t.diagnostic(`${rows} rows over ${places.length} tenants of 4 partitions`)
  assert.ok(rows > 500, 'too little was sent for this to prove anything')
})
