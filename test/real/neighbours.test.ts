import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { rssMiBOf } from '../../bench/proc.ts'
import { openBus, type Bus, type Publisher } from '../../src/bus/index.ts'
import { RECORD_HEADERS, rawTopic, uuidv7 } from '../../src/event/index.ts'
import { openBooks, type Books } from '../../soak/books.ts'
import { makePlace, type Place } from '../kit/api.ts'
import { bootPulse, type System } from '../kit/system.ts'
import { until } from '../kit/until.ts'

/**
 * One bad neighbour: whatever one tenant does, or has had done to it, the rows of the others are as fresh as before, within half as
 * much again and a second (p95), and no process dies of it. In `test/real`, because it measures and wants the machine to itself.
 */
const FLUSH_SECONDS = 1
const QUIET = 6
const WINDOW_MS = 8_000
const P = 0.95

const DEFINITION = {
  type: 'object',
  properties: { timestamp: { type: 'string', format: 'date-time' }, at: { type: 'integer' }, note: { type: 'string' } },
  required: ['timestamp', 'at'],
}

let system: System
let books: Books
let bus: Bus
let publisher: Publisher
let quiet: readonly Place[]
let quietMs = 0
const opened = new AsyncDisposableStack()
const stopped = new AbortController()
let steady: Promise<unknown> = Promise.resolve()

before(
  async () => {
    system = opened.use(
      await bootPulse({ PULSE_FLUSH_SECONDS: String(FLUSH_SECONDS), PULSE_BUFFER_BYTES: String(32 * 2 ** 20) }),
    )
    books = opened.use(openBooks(system))
    bus = opened.use(
      openBus({ brokers: [`127.0.0.1:${system.port('bus')}`], clientId: 'neighbour', publishTimeoutMs: 10_000 }),
    )
    publisher = opened.use(bus.publisher())
    quiet = await Promise.all(Array.from({ length: QUIET }, () => makePlace(system.baseUrl, DEFINITION)))
    steady = Promise.all(quiet.map(client))
    quietMs = await freshness('nobody does anything else')
  },
  { timeout: 120_000 },
)
after(
  async () => {
    stopped.abort()
    await steady
    await opened.disposeAsync()
  },
  { timeout: 60_000 },
)

/** Ten events a second, one request each. */
async function client(place: Place): Promise<void> {
  for (let at = 0; !stopped.signal.aborted; at += 1) {
    // Refused or not answered while a test holds something up: that one is not measured.
    await collect(place, [{ timestamp: new Date().toISOString(), at }]).catch(() => undefined)
    await sleep(100)
  }
}

async function collect(
  place: Place,
  rows: readonly unknown[],
  signal = AbortSignal.timeout(20_000),
): Promise<Response> {
  const body = rows.map((data) => JSON.stringify({ dataset: place.dataset, event_id: uuidv7(), data })).join('\n')
  return fetch(`${system.baseUrl}/v1/collect`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson', 'x-tenant-id': place.tenantId },
    body,
    signal,
  })
}

/** p95 of how old the quiet tenants' events are when they are committed, over a window from now on. */
async function freshness(_while: string): Promise<number> {
  const from = Date.now()
  await sleep(WINDOW_MS)
  const to = Date.now()
  await until(
    'the window to be settled',
    async () => {
      const [behind] = await books.ask<{ left: string }>(
        `SELECT count(*) AS left FROM pdm_datasets d WHERE d.id = ANY($1) AND NOT EXISTS (
           SELECT FROM flush_totals t JOIN flushes f USING (flush_number) WHERE t.dataset_id = d.id AND f.committed_at > to_timestamp($2 / 1000.0) + interval '2 seconds')`,
        [quiet.map(({ datasetId }) => datasetId), to],
      )
      return behind?.left === '0'
    },
    60_000,
    250,
  )
  return books.freshnessMs(quiet, from, to, P)
}

async function unharmed(t: { diagnostic(text: string): void }, what: string): Promise<void> {
  const ms = await freshness(what)
  const allowed = quietMs * 1.5 + 1_000
  t.diagnostic(`p95 ${ms} ms while ${what}, ${quietMs} ms before; ${Math.round(allowed)} ms are allowed`)
  assert.ok(ms <= allowed, `${ms} ms while ${what}, ${Math.round(allowed)} ms are allowed`)
}

/** Calls `act` again and again until the callback is through. */
async function meanwhile(act: () => Promise<unknown>, within: () => Promise<void>): Promise<void> {
  const over = new AbortController()
  const acting = (async () => {
    while (!over.signal.aborted) await act().catch(() => sleep(50))
  })()
  try {
    await within()
  } finally {
    over.abort()
    await acting
  }
}

const LONG = { timeout: 180_000 }

test('a neighbour whose table is poisoned slows nobody', LONG, async (t) => {
  const bad = await makePlace(system.baseUrl, DEFINITION)
  await collect(bad, [{ timestamp: new Date().toISOString(), at: 1 }])
  const folder = await until('its table', async () => {
    const [row] = await books.ask<{ location: string }>(
      'SELECT metadata_location AS location FROM iceberg_catalog.iceberg_tables WHERE table_namespace = $1 AND previous_metadata_location IS NOT NULL',
      [`pulse_${bad.tenantId.replaceAll('-', '')}`],
    )
    return row?.location.slice('file://'.length)
  })
  writeFileSync(folder, '{"format-version": 2, "poisoned": ')
  await meanwhile(
    async () => {
      await collect(bad, [{ timestamp: new Date().toISOString(), at: 2 }])
      await sleep(20)
    },
    () => unharmed(t, 'a neighbour’s table cannot be read'),
  )
})

test('a neighbour whose table was dropped slows nobody', LONG, async (t) => {
  const bad = await makePlace(system.baseUrl, DEFINITION)
  await books.ask('DELETE FROM iceberg_catalog.iceberg_tables WHERE table_namespace = $1', [
    `pulse_${bad.tenantId.replaceAll('-', '')}`,
  ])
  await meanwhile(
    async () => {
      await collect(bad, [{ timestamp: new Date().toISOString(), at: 2 }])
      await sleep(20)
    },
    () => unharmed(t, 'a neighbour has no table'),
  )
})

test(
  'a neighbour that sends a thousand bad events a second slows nobody, at the API and behind it',
  LONG,
  async (t) => {
    const bad = await makePlace(system.baseUrl, DEFINITION)
    let refused = 0
    const header = (name: string, text: string): [Buffer, Buffer] => [Buffer.from(name), Buffer.from(text)]
    const spoilt = () => ({
      topic: rawTopic(bad.tenantId),
      key: Buffer.from(uuidv7()),
      value: Buffer.from(JSON.stringify({ dataset: bad.dataset, data: { timestamp: 'never', at: 'no number' } })),
      headers: {
        entries: [
          header(RECORD_HEADERS.dataset, bad.datasetId),
          header(RECORD_HEADERS.receivedAt, new Date().toISOString()),
        ],
      },
    })
    await meanwhile(
      async () => {
        const began = performance.now()
        const rows = Array.from({ length: 50 }, () => ({ timestamp: 'never', at: 'no number' }))
        const [answer] = await Promise.all([collect(bad, rows), publisher.publish(Array.from({ length: 50 }, spoilt))])
        const { rejected = 0 } = (await answer.json()) as { rejected?: number }
        refused += rejected
        await sleep(Math.max(0, 50 - (performance.now() - began)))
      },
      () => unharmed(t, 'a neighbour sends a thousand bad events a second to the API, and as many to the bus'),
    )
    assert.ok(refused > 1_000, `${refused} refused`)
    const [letters] = await books.ask<{ count: string }>('SELECT count(*) FROM dead_letters WHERE tenant_id = $1', [
      bad.tenantId,
    ])
    assert.ok(Number(letters?.count) > 1_000, `${letters?.count} dead letters`)
  },
)

test('a neighbour with a huge backlog slows nobody', LONG, async (t) => {
  const bad = await makePlace(system.baseUrl, DEFINITION)
  const worker = await until('the worker', () => system.pid('worker'))
  process.kill(worker, 'SIGSTOP')
  let backlog = 0
  try {
    const rows = Array.from({ length: 2_000 }, (_, at) => ({
      timestamp: new Date().toISOString(),
      at,
      note: 'x'.repeat(300),
    }))
    const until = performance.now() + 4_000 // within the lease: it is about what waits, not about who reads it
    while (performance.now() < until) {
      const { accepted = 0 } = (await (await collect(bad, rows)).json()) as { accepted?: number }
      backlog += accepted
    }
  } finally {
    process.kill(worker, 'SIGCONT')
  }
  const behind = async (): Promise<number> => {
    const [row] = await books.ask<{ records: string }>(
      'SELECT coalesce(sum(records), 0) AS records FROM flush_totals WHERE tenant_id = $1',
      [bad.tenantId],
    )
    return backlog - Number(row?.records)
  }
  const rows = Array.from({ length: 1_000 }, (_, at) => ({
    timestamp: new Date().toISOString(),
    at,
    note: 'x'.repeat(300),
  }))
  await meanwhile(
    async () => {
      const { accepted = 0 } = (await (await collect(bad, rows)).json()) as { accepted?: number }
      backlog += accepted
      await sleep(40)
    },
    () => unharmed(t, 'a neighbour floods and is behind'),
  )
  t.diagnostic(`${backlog} events of the neighbour, of which ${await behind()} wait in the end`)
  await until('all of it to be settled', async () => (await behind()) === 0, 120_000, 500)
})

test(
  'a flood of events of a mebibyte makes the API say "later" and keeps both processes within their memory',
  LONG,
  async (t) => {
    const bad = await makePlace(system.baseUrl, DEFINITION)
    const pids = { api: system.pid('api'), worker: system.pid('worker') }
    const note = 'x'.repeat(2 ** 20 - 400)
    const answers: Record<string, number> = {}
    let most = { api: 0, worker: 0 }
    const watch = setInterval(() => {
      most = {
        api: Math.max(most.api, rssMiBOf(pids.api as number)),
        worker: Math.max(most.worker, rssMiBOf(pids.worker as number)),
      }
    }, 100)
    const bus = system.pid('bus') as number
    process.kill(bus, 'SIGSTOP') // what is accepted has nowhere to go: it would pile up in the API
    try {
      await Promise.all(
        Array.from({ length: 48 }, async () => {
          const answer = await collect(
            bad,
            Array.from({ length: 6 }, (_, at) => ({ timestamp: new Date().toISOString(), at, note })),
          )
          answers[answer.status] = (answers[answer.status] ?? 0) + 1
          if (answer.status === 503) assert.match(String(answer.headers.get('retry-after')), /^\d+$/)
        }),
      )
    } finally {
      process.kill(bus, 'SIGCONT')
    }
    await until(
      'a request to be taken again',
      async () => (await collect(bad, [{ timestamp: new Date().toISOString(), at: 0 }])).status === 202,
      60_000,
      500,
    )
    let sent = 0
    await Promise.all(
      Array.from({ length: 6 }, async () => {
        for (let n = 0; n < 8; n += 1) {
          const answer = await collect(
            bad,
            Array.from({ length: 6 }, (_, at) => ({ timestamp: new Date().toISOString(), at, note })),
          )
          if (answer.status === 202) sent += 6
        }
      }),
    )
    await until(
      'the worker to have settled them',
      async () => {
        const [row] = await books.ask<{ rows: string }>(
          'SELECT coalesce(sum(rows), 0) AS rows FROM flush_totals WHERE tenant_id = $1',
          [bad.tenantId],
        )
        return Number(row?.rows) >= sent
      },
      120_000,
      500,
    )
    clearInterval(watch)
    t.diagnostic(
      `answers with a bus that hangs ${JSON.stringify(answers)}; ${sent} MiB carried; at most ${most.api} MiB API, ${most.worker} MiB worker`,
    )
    assert.ok((answers[503] ?? 0) > 0, 'nobody was told to come later')
    assert.deepEqual({ api: system.pid('api'), worker: system.pid('worker') }, pids, 'a process died')
    assert.ok(most.api < 1_500, `the API had ${most.api} MiB`)
    assert.ok(most.worker < 1_024, `the worker had ${most.worker} MiB`)
  },
)
