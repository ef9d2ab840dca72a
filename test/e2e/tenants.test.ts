import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import { makePlace, type Place } from '../kit/api.ts'
import { bootPulse, type System } from '../kit/system.ts'
import { until } from '../kit/until.ts'

/**
 * Many tenants on one worker, from the door to the table. `TEST_TENANTS=2000 TEST_MINUTES=2` is the run whose
 * figures are in docs/operate/performance.md; by default it is large enough to pass the bounds and small enough to be quick.
 */
const TENANTS = Number(process.env['TEST_TENANTS'] ?? 90)
const MINUTES = Number(process.env['TEST_MINUTES'] ?? 0.1)
const DEFINITION = {
  type: 'object',
  required: ['timestamp'],
  properties: { timestamp: { type: 'string', format: 'date-time' }, n: { type: 'integer' } },
}

test('one worker with many tenants has a small, quick scrape whose sums are exact', async () => {
  await using system = await bootPulse()
  const places: Place[] = []
  const began = performance.now()
  await inParallel(TENANTS, 8, async () => void places.push(await makePlace(system.baseUrl, DEFINITION)))
  const madeIn = performance.now() - began

  let sent = 0
  const held: number[] = []
  const gap = (60_000 * Math.min(1, MINUTES)) / TENANTS
  for (let round = 0; round < Math.max(1, MINUTES); round += 1) {
    const startedAt = performance.now()
    for (const [index, place] of places.entries()) {
      await send(system, place)
      sent += 1
      if (index % 20 === 0) held.push(numberOf(await scrape(system), 'pulse_telemetry_scrape_seconds'))
      await sleep(Math.max(0, startedAt + (index + 1) * gap - performance.now()))
    }
  }
  await until(
    'all events to be committed',
    async () => sumOf(await scrape(system), 'pulse_worker_events_appended_total') >= sent,
    120_000,
    250,
  )
  const text = await scrape(system)
  const series = text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length
  // A machine that has other things to do stretches single scrapes; the typical one is Pulse's own.
  const [typical = 1, slowest = 1] = [held.toSorted((a, b) => a - b)[held.length >> 1], Math.max(...held)]
  process.stdout.write(
    `${TENANTS} tenants made in ${Math.round(madeIn)} ms; ${sent} events; ${series} series, ${text.length} bytes; a scrape held the loop ${(typical * 1000).toFixed(1)} ms, the slowest of ${held.length} ${(slowest * 1000).toFixed(1)} ms\n`,
  )
  assert.ok(series < 5_000, `${series} series`)
  assert.ok(typical < 0.05, `${typical} s of event loop`)
  for (const name of ['consumed', 'appended'])
    assert.equal(sumOf(text, `pulse_worker_events_${name}_total`), sent, `${name}, over all series`)
  assert.equal(numberOf(text, 'pulse_worker_ledger_imbalance'), 0)
  assert.ok(sumOf(text, 'pulse_worker_events_consumed_total', 'tenant="_other"') > 0, 'nobody was beyond the bound')
  const named = new Set(
    [...text.matchAll(/pulse_worker_events_consumed_total\{tenant="([^"_]+)"/g)].map(([, slug]) => slug),
  )
  assert.ok(named.size > 30 && named.size <= 60, `${named.size} tenants have series of their own`)
})

async function inParallel(times: number, atOnce: number, act: () => Promise<void>): Promise<void> {
  let left = times
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      await act()
    }
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
}

async function send({ baseUrl }: System, place: Place): Promise<void> {
  const answer = await fetch(`${baseUrl}/v1/collect`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-tenant-id': place.tenantId },
    body: JSON.stringify({ dataset: place.dataset, data: { timestamp: new Date().toISOString(), n: 1 } }),
    signal: AbortSignal.timeout(10_000),
  })
  assert.equal(answer.status, 202, await answer.text())
}

async function scrape({ env }: System): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${env['PULSE_WORKER_METRICS_PORT']}/metrics`, {
    signal: AbortSignal.timeout(10_000),
  })
  return answer.text()
}

const samplesOf = (text: string, name: string, having = ''): number[] =>
  text
    .split('\n')
    .filter((line) => (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) && line.includes(having))
    .map((line) => Number(line.slice(line.lastIndexOf(' ') + 1)))

const sumOf = (text: string, name: string, having?: string): number =>
  samplesOf(text, name, having).reduce((sum, value) => sum + value, 0)

const numberOf = (text: string, name: string): number => samplesOf(text, name)[0] ?? Number.NaN
