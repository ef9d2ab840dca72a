import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { openBus } from '../../src/bus/index.ts'
import { rawTopic } from '../../src/event/index.ts'
import { call, makePlace, type Place } from '../kit/api.ts'
import { bootPulse, type System } from '../kit/system.ts'

/**
 * One tenant in trouble, or making it, and what the others notice: their events are rows as soon as before. Of each of them one
 * event after the other is sent and waited for, so that what is measured is what a user of theirs sees.
 */
const OTHERS = 5
const MEASURE_MS = Number(process.env['TEST_ISOLATION_SECONDS'] ?? 12) * 1_000
const DEFINITION = {
  type: 'object',
  required: ['timestamp', 'n'],
  properties: { timestamp: { type: 'string', format: 'date-time' }, n: { type: 'integer' }, text: { type: 'string' } },
}

let system: System
const others: Place[] = []
let quietP95 = 0

async function send(place: Place, many: number, over: Record<string, unknown> = {}): Promise<number> {
  const events = Array.from({ length: many }, (_, n) => ({
    dataset: place.dataset,
    data: { timestamp: '2026-11-25T08:00:00Z', n, ...over },
  }))
  const { status } = await call(system.baseUrl, 'POST', '/v1/collect', { tenantId: place.tenantId, body: { events } })
  return status
}

async function rowsOf({ tenantId, dataset }: Place): Promise<number> {
  const { body } = await call(system.baseUrl, 'GET', `/v1/datasets/${dataset}`, { tenantId })
  return Number(body['rows'])
}

/** Seconds from an event's acceptance to its row, of all events of the others while `isOver` is not. */
async function freshness(isOver: () => boolean): Promise<number[]> {
  const seconds: number[] = []
  const follow = async (place: Place): Promise<void> => {
    let rows = await rowsOf(place)
    while (!isOver()) {
      const began = performance.now()
      assert.equal(await send(place, 1), 202)
      rows += 1
      while ((await rowsOf(place)) < rows) {
        if (performance.now() - began > 60_000) throw new Error(`no row of ${place.tenantSlug} within a minute`)
        await sleep(25)
      }
      seconds.push((performance.now() - began) / 1000)
    }
  }
  await Promise.all(others.map(follow))
  return seconds.toSorted((a, b) => a - b)
}

const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN

async function measure(): Promise<{ p95: number; said: string }> {
  const endsAt = performance.now() + MEASURE_MS
  const seconds = await freshness(() => performance.now() > endsAt)
  const p95 = percentile(seconds, 0.95)
  const p50 = percentile(seconds, 0.5)
  return { p95, said: `p50 ${p50.toFixed(2)} s, p95 ${p95.toFixed(2)} s of ${seconds.length} events` }
}

async function ask(statement: string, values: readonly unknown[]): Promise<void> {
  const client = new Client({ connectionString: system.adminUrl() })
  await client.connect()
  try {
    await client.query(statement, [...values])
  } finally {
    await client.end()
  }
}

async function letters(place: Place): Promise<number> {
  const client = new Client({ connectionString: system.adminUrl() })
  await client.connect()
  try {
    const counted = 'SELECT count(*)::int AS n FROM dead_letters WHERE tenant_id = $1'
    return Number((await client.query<{ n: number }>(counted, [place.tenantId])).rows[0]?.n)
  } finally {
    await client.end()
  }
}

describe('one tenant in trouble slows no other', { timeout: 400_000 }, () => {
  before(async () => {
    system = await bootPulse({ PULSE_FLUSH_SECONDS: '0.5' })
    for (let index = 0; index < OTHERS; index += 1) others.push(await makePlace(system.baseUrl, DEFINITION))
    await freshness(() => true)
    const endsAt = performance.now() + 3_000
    await freshness(() => performance.now() > endsAt) // until everything has been done once
  })
  after(() => system[Symbol.asyncDispose]())

  test('the quiet case, which the others are held against', async (t) => {
    const { p95, said } = await measure()
    quietP95 = p95
    t.diagnostic(said)
    assert.ok(p95 > 0)
  })

  const namespace = (place: Place): string => `pulse_${place.tenantId.replaceAll('-', '')}`
  /** Keeps doing until it is disposed. */
  const keeping = (act: () => Promise<unknown>, pauseMs: number): AsyncDisposable => {
    let isOver = false
    const running = (async () => {
      while (!isOver) {
        await act().catch(() => undefined)
        await sleep(pauseMs)
      }
    })()
    return {
      async [Symbol.asyncDispose]() {
        isOver = true
        await running
      },
    }
  }

  const troubles: Readonly<Record<string, (place: Place) => Promise<AsyncDisposable>>> = {
    'a table whose metadata is poisoned': async (place) => {
      await ask(
        `UPDATE iceberg_catalog.iceberg_tables SET metadata_location = 'file:///nowhere' WHERE table_namespace = $1`,
        [namespace(place)],
      )
      return keeping(() => send(place, 50), 100)
    },
    'a table that somebody dropped': async (place) => {
      await ask('DELETE FROM iceberg_catalog.iceberg_tables WHERE table_namespace = $1', [namespace(place)])
      return keeping(() => send(place, 50), 100)
    },
    'a backlog that is larger than a worker’s buffer may be of one tenant': async (place) => {
      // Ten thousand events of ten kilobytes lie there before anybody measures, and more come.
      const text = 'x'.repeat(10_000)
      for (let index = 0; index < 20; index += 1) assert.equal(await send(place, 500, { text }), 202)
      return keeping(() => send(place, 200, { text }), 50)
    },
    'a thousand bad events a second at the API, and as many on the bus': async (place) => {
      const bus = openBus({ brokers: [`127.0.0.1:${system.port('bus')}`], clientId: 'bad', publishTimeoutMs: 10_000 })
      const publisher = bus.publisher()
      const topic = rawTopic(place.tenantId)
      const headers = { entries: [[Buffer.from('pulse-dataset'), Buffer.from(randomUUID())] as const] }
      const bad = keeping(async () => {
        const records = Array.from({ length: 100 }, () => ({
          topic,
          key: Buffer.from(randomUUID()),
          value: Buffer.from('{"nobody":'),
          headers,
        }))
        await Promise.all([publisher.publish(records as never), send(place, 100, { n: 'no number', unknown: 1 })])
      }, 90)
      return {
        async [Symbol.asyncDispose]() {
          await bad[Symbol.asyncDispose]()
          await publisher[Symbol.asyncDispose]()
          await bus[Symbol.asyncDispose]()
        },
      }
    },
  }

  for (const [what, begin] of Object.entries(troubles)) {
    test(`${what}: the others’ p95 stays within 1.5 times the quiet one and a second`, async (t) => {
      const place = await makePlace(system.baseUrl, DEFINITION)
      const pids = (['api', 'worker'] as const).map((member) => system.pid(member))
      await using _trouble = await begin(place)
      await sleep(1_000)
      const { p95, said } = await measure()
      t.diagnostic(`${said}; quiet p95 ${quietP95.toFixed(2)} s`)
      assert.ok(p95 <= 1.5 * quietP95 + 1, said)
      assert.deepEqual(
        (['api', 'worker'] as const).map((member) => system.pid(member)),
        pids,
        'nobody fell',
      )
      if (what.includes('bad events')) assert.ok((await letters(place)) > 1_000, 'they came as far as the worker')
    })
  }
})
