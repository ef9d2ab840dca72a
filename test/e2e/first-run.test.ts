import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { call, makePlace, type Place } from '../kit/api.ts'
import { bootPulse } from '../kit/system.ts'
import { until } from '../kit/until.ts'

/** How soon a row is there: at first, when a stream falls quiet, and after a crash. Bounds are several times what an idle machine takes. */
const FLUSH_SECONDS = 1
const LEASE_SECONDS = 3
const DEFINITION = {
  type: 'object',
  required: ['timestamp', 'n'],
  properties: { timestamp: { type: 'string', format: 'date-time' }, n: { type: 'integer' } },
}

const system = await bootPulse({
  PULSE_FLUSH_SECONDS: String(FLUSH_SECONDS),
  PULSE_LEASE_SECONDS: String(LEASE_SECONDS),
})
after(() => system[Symbol.asyncDispose]())

async function send({ tenantId, dataset }: Place, many: number, from = 0): Promise<void> {
  const events = Array.from({ length: many }, (_, index) => ({
    dataset,
    data: { timestamp: '2026-11-25T08:00:00Z', n: from + index },
  }))
  const { status, body } = await call(system.baseUrl, 'POST', '/v1/collect', { tenantId, body: { events } })
  assert.equal(status, 202, JSON.stringify(body))
}

/** Resolves with the seconds that it took until the table has so many rows. */
async function rows({ tenantId, dataset }: Place, many: number): Promise<number> {
  const began = performance.now()
  await until(
    `${many} rows`,
    async () => {
      const { body } = await call(system.baseUrl, 'GET', `/v1/datasets/${dataset}`, { tenantId })
      return body['rows'] === many
    },
    60_000,
    20,
  )
  return (performance.now() - began) / 1000
}

async function numbers({ tenantId, dataset }: Place): Promise<number[]> {
  const path = `/v1/datasets/${dataset}/preview?limit=1000&columns=n`
  const { body } = await call(system.baseUrl, 'GET', path, { tenantId })
  return (body['rows'] as { n: number }[]).map(({ n }) => n).toSorted((a, b) => a - b)
}

const upTo = (many: number): number[] => Array.from({ length: many }, (_, index) => index)

test('what was sent before any worker knew of its tenant is read by the first that does, from the first record on', async () => {
  const asleep = system.pid('worker')
  assert.ok(asleep !== undefined)
  process.kill(asleep, 'SIGSTOP')
  const place = await makePlace(system.baseUrl, DEFINITION)
  await send(place, 300)
  await send(place, 200, 300)
  process.kill(asleep, 'SIGKILL')
  await rows(place, 500)
  assert.deepEqual(await numbers(place), upTo(500))
})

test('the tail of a stream that falls quiet is a row within a flush', async (t) => {
  const place = await makePlace(system.baseUrl, DEFINITION)
  await send(place, 1)
  await rows(place, 1)
  await send(place, 1, 1)
  const seconds = await rows(place, 2)
  t.diagnostic(`${seconds.toFixed(2)} s, of which the flush waits ${FLUSH_SECONDS} s`)
  assert.ok(seconds < FLUSH_SECONDS + 9)
})

test('after kill -9 of the worker the next row is there within its lease and a flush', async (t) => {
  const place = await makePlace(system.baseUrl, DEFINITION)
  await send(place, 10)
  await rows(place, 10)
  system.kill9('worker')
  await send(place, 10, 10)
  const seconds = await rows(place, 20)
  t.diagnostic(`${seconds.toFixed(2)} s, of which the lease of the dead takes up to ${LEASE_SECONDS} s`)
  assert.ok(seconds < LEASE_SECONDS + FLUSH_SECONDS + 16)
  assert.deepEqual(await numbers(place), upTo(20))
})
