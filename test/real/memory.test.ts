import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { call, makePlace } from '../kit/api.ts'
import { bootPulse, type Member } from '../kit/system.ts'
import { until } from '../kit/until.ts'

/**
 * More than anybody may send, of the largest events that are taken, while nobody reads: processes slow down and refuse with
 * 503, and hold no more memory than their settings say. With what comes beside the buffers (Node, DuckDB, code), measured and doubled.
 */
const MOST_MIB = { api: 800, worker: 900 } as const
const SENDERS = 24
/** 10,000 were run once: docs/operate/performance.md has what they took. */
const DATASETS = Number(process.env['TEST_DATASETS'] ?? 600)
const TENANTS = 10
const SECONDS = 12
const DEFINITION = {
  type: 'object',
  required: ['timestamp', 'text'],
  properties: { timestamp: { type: 'string', format: 'date-time' }, text: { type: 'string' } },
}

test(
  'events of a mebibyte from many senders, with nobody to read them: memory stays bounded, and what was accepted is a row',
  { timeout: 300_000 },
  async (t) => {
    await using system = await bootPulse({
      PULSE_FLUSH_SECONDS: '0.5',
      PULSE_BUFFER_BYTES: String(64 * 1024 * 1024),
      PULSE_BUS_MAX_BYTES: String(256 * 1024 * 1024),
    })
    const place = await makePlace(system.baseUrl, DEFINITION)
    const most = { api: 0, worker: 0 }
    const look = (): void => {
      for (const member of ['api', 'worker'] as const) {
        const status = readFileSync(`/proc/${system.pid(member)}/status`, 'utf8')
        most[member] = Math.max(most[member], Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024)
      }
    }
    using _watching = setInterval(look, 100)
    const pids = (['api', 'worker'] as const satisfies Member[]).map((member) => system.pid(member) as number)
    const worker = pids[1] as number

    const text = 'x'.repeat(1024 * 1024 - 200)
    const statuses = new Map<number, number>()
    const accepted = new Set<string>()
    const endsAt = performance.now() + SECONDS * 1_000
    const sender = async (): Promise<void> => {
      while (performance.now() < endsAt) {
        const event_id = randomUUID()
        const body = JSON.stringify({
          dataset: place.dataset,
          event_id,
          data: { timestamp: '2026-11-25T08:00:00Z', text },
        })
        const answer = await fetch(`${system.baseUrl}/v1/collect`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'x-tenant-id': place.tenantId },
          body,
          signal: AbortSignal.timeout(60_000),
        })
        await answer.text()
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
        if (answer.status === 202) accepted.add(event_id)
        else {
          assert.equal(answer.status, 503)
          assert.ok(Number(answer.headers.get('retry-after')) >= 1)
          await sleep(50)
        }
      }
    }
    process.kill(worker, 'SIGSTOP')
    await Promise.all(Array.from({ length: SENDERS }, sender))
    process.kill(worker, 'SIGCONT')
    await until(
      'what was accepted to be rows',
      async () => {
        const { body } = await call(system.baseUrl, 'GET', `/v1/datasets/${place.dataset}`, {
          tenantId: place.tenantId,
        })
        return body['rows'] === accepted.size
      },
      120_000,
      500,
    )
    t.diagnostic(
      `${JSON.stringify(Object.fromEntries(statuses))}; ${accepted.size} MiB are rows; api ${Math.round(most.api)} MiB, worker ${Math.round(most.worker)} MiB at most`,
    )
    assert.deepEqual(
      (['api', 'worker'] as const).map((member) => system.pid(member)),
      pids,
      'nobody died',
    )
    assert.ok((statuses.get(503) ?? 0) > 0 && accepted.size > 100, 'some were taken, and some refused')
    for (const member of ['api', 'worker'] as const) assert.ok(most[member] < MOST_MIB[member], member)
  },
)

test(
  `${DATASETS} datasets of ${TENANTS} tenants, all written to at once: memory stays bounded, and each has its rows`,
  { timeout: 1_800_000 },
  async (t) => {
    await using system = await bootPulse({ PULSE_FLUSH_SECONDS: '2' })
    const { baseUrl } = system
    const places = []
    for (let index = 0; index < TENANTS; index += 1) places.push(await makePlace(baseUrl, DEFINITION))
    const pids = (['api', 'worker'] as const).map((member) => system.pid(member))
    const most = { api: 0, worker: 0 }
    using _watching = setInterval(() => {
      for (const [index, member] of (['api', 'worker'] as const).entries()) {
        const status = readFileSync(`/proc/${pids[index]}/status`, 'utf8')
        most[member] = Math.max(most[member], Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024)
      }
    }, 100)
    const perTenant = DATASETS / TENANTS
    const madeFrom = performance.now()
    await Promise.all(
      places.map(async ({ tenantId }) => {
        const { body } = await call(baseUrl, 'GET', '/v1/datasets/events', { tenantId })
        for (let index = 1; index < perTenant; index += 1) {
          const made = { slug: `d-${index}`, name: 'x', schema_uri: body['schema_uri'] }
          const { status } = await call(baseUrl, 'POST', '/v1/datasets', { tenantId, body: made })
          assert.equal(status, 201)
        }
      }),
    )
    const madeSeconds = (performance.now() - madeFrom) / 1000
    const sentFrom = performance.now()
    const ROUNDS = 2
    for (let round = 0; round < ROUNDS; round += 1) {
      await Promise.all(
        places.map(async ({ tenantId }) => {
          const events = Array.from({ length: perTenant }, (_, index) => ({
            dataset: index === 0 ? 'events' : `d-${index}`,
            data: { timestamp: '2026-11-25T08:00:00Z', text: 'x' },
          }))
          for (let from = 0; from < events.length; from += 500) {
            const some = { events: events.slice(from, from + 500) }
            await until(
              'the events to be accepted',
              async () => (await call(baseUrl, 'POST', '/v1/collect', { tenantId, body: some })).status === 202,
              60_000,
              500,
            )
          }
        }),
      )
    }
    const sent = ROUNDS * DATASETS
    await until(
      'all of it to be committed',
      async () => {
        const scrape = await fetch(`http://127.0.0.1:${system.env['PULSE_WORKER_METRICS_PORT']}/metrics`)
        const sums = [...(await scrape.text()).matchAll(/^pulse_worker_events_appended_total(?:\{.*\})? (\d+)/gm)]
        return sums.reduce((sum, [, value]) => sum + Number(value), 0) >= sent
      },
      1_200_000,
      1_000,
    )
    t.diagnostic(
      `made in ${madeSeconds.toFixed(0)} s; ${sent} events into all of them committed in ${((performance.now() - sentFrom) / 1000).toFixed(0)} s; api ${Math.round(most.api)} MiB, worker ${Math.round(most.worker)} MiB at most`,
    )
    assert.deepEqual(
      (['api', 'worker'] as const).map((member) => system.pid(member)),
      pids,
      'nobody died',
    )
    for (const member of ['api', 'worker'] as const) assert.ok(most[member] < MOST_MIB[member], member)
  },
)
