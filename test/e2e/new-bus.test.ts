import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { makePlace } from '../kit/api.ts'
import { openClient } from '../kit/client.ts'
import { readLake } from '../kit/lake-reader.ts'
import { bootPulse } from '../kit/system.ts'
import { until } from '../kit/until.ts'

const DEFINITION = {
  type: 'object',
  properties: { timestamp: { type: 'string', format: 'date-time' }, at: { type: 'integer' } },
  required: ['timestamp', 'at'],
}

test('on a bus that knows nothing of the tenants, as after moving to another one, events are accepted and become rows', async () => {
  await using system = await bootPulse({ PULSE_FLUSH_SECONDS: '0.3' })
  const place = await makePlace(system.baseUrl, DEFINITION)
  const client = openClient({
    baseUrl: () => system.baseUrl,
    tenantId: place.tenantId,
    dataset: place.dataset,
    perRequest: 10,
    pauseMs: 10,
    eventAt: (at) => ({ timestamp: '2026-11-25T08:00:00Z', at }),
  })
  const rows = async () => (await readLake(system.baseUrl, place.tenantId, place.dataset)).rows.length
  const send = async () => {
    const before = client.acknowledged.size
    const stop = new AbortController()
    const running = client.run(stop.signal)
    await until('some more events to be acknowledged', () => client.acknowledged.size > before + 50, 60_000)
    stop.abort()
    await running
    await until('all of them to be rows', async () => (await rows()) >= client.acknowledged.size, 60_000)
  }

  await send()
  await system.stop()
  rmSync(join(system.dataDir, 'bus'), { recursive: true })
  await system.start()
  await send()

  await sleep(500)
  assert.equal(await rows(), client.acknowledged.size, 'no event is missing, none has a second row')
})
