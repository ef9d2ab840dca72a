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
