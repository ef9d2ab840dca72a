import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { openBus } from '../../src/bus/index.ts'
import { rawTopic } from '../../src/event/index.ts'
import { addDataset, call, makePlace, type Place } from './api.ts'
import type { System } from './system.ts'

/**
 * A little of everything that clients do, so that a window has something to show: good events, the same again, refused ones of
 * each kind, previews that find something and nothing, requests that lead nowhere, and records that only become dead letters.
 */
const DEFINITION = {
  type: 'object',
  properties: { timestamp: { type: 'string', format: 'date-time' }, n: { type: 'integer' }, note: { type: 'string' } },
  required: ['timestamp'],
}

interface Load {
  readonly places: readonly Place[]
  /** Goes on until `stop` aborts; throws where the system does not answer as it has to. */
  run(stop: AbortSignal): Promise<void>
}

/** Tenants by their slugs, the first with a second dataset that stays empty. */
export async function openLoad(system: System, tenants: readonly string[]): Promise<Load> {
  const { baseUrl } = system
  const places: Place[] = []
  for (const tenant of tenants) places.push(await makePlace(baseUrl, DEFINITION, { tenant, dataset: 'orders' }))
  const [first] = places
  if (first === undefined) throw new Error('a load needs a tenant')
  await addDataset(baseUrl, first.tenantId, DEFINITION, 'empty')

  const event = (dataset: string, at: number, data: Record<string, unknown> = {}) => ({
    dataset,
    event_id: randomUUID(),
    data: {
      timestamp: new Date(Date.now() - (at % 7) * 1000 + (at % 11 === 0 ? 9_000 : 0)).toISOString(),
      n: at,
      ...data,
    },
  })
  const send = async (tenantId: string | undefined, lines: readonly unknown[], expected: number): Promise<void> => {
    const response = await fetch(`${baseUrl}/v1/collect`, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-ndjson',
        ...(tenantId === undefined ? {} : { 'x-tenant-id': tenantId }),
      },
      body: lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'),
      signal: AbortSignal.timeout(10_000),
    })
    const answer = await response.text()
    if (response.status !== expected)
      throw new Error(`collect answered ${response.status} for ${expected}: ${answer.slice(0, 300)}`)
  }

  const repeated = new Map<string, readonly unknown[]>()
  async function round(at: number): Promise<void> {
    for (const { tenantId, dataset } of places) {
      const good = Array.from({ length: 1 + ((at * 7) % 40) }, (_, more) => event(dataset, at + more))
      await send(tenantId, good, 202)
      // What this flush has, and what an earlier one has: only the second is asked of the ledger, from one flush to the next.
      const earlier = repeated.get(tenantId) ?? good.slice(0, 1)
      repeated.set(tenantId, earlier)
      if (at % 3 === 0) await send(tenantId, [...good.slice(0, 3), ...earlier], 202)
    }
    const { tenantId, dataset } = first as Place
    await send(tenantId, [event(dataset, at), event(dataset, at, { n: 'not a number' })], 202)
    await send(tenantId, [event('nowhere', at)], 422)
    await send(tenantId, ['{"dataset": "orders", '], 422)
    await send(undefined, [event(dataset, at)], 400)
    await send(randomUUID(), [event(dataset, at)], 401)
    for (const name of [dataset, 'empty', 'nowhere'])
      await call(baseUrl, 'GET', `/v1/datasets/${name}/preview?limit=5`, { tenantId })
    await call(baseUrl, 'GET', '/v1/datasets', { tenantId })
    await call(baseUrl, 'GET', '/nowhere')
  }

  return {
    places,
    async run(stop) {
      await using bus = openBus({
        brokers: [`127.0.0.1:${system.port('bus')}`],
        clientId: 'stranger',
        publishTimeoutMs: 5_000,
      })
      await using publisher = bus.publisher()
      for (let at = 0; !stop.aborted; at++) {
        await round(at)
        // Only somebody else can write what the door does not let in.
        await publisher.publish([
          {
            topic: rawTopic(first.tenantId),
            key: Buffer.from(randomUUID()),
            value: Buffer.from('{}'),
            headers: { entries: [[Buffer.from('pulse-dataset'), Buffer.from(randomUUID())]] },
          },
        ])
        await sleep(300)
      }
    },
  }
}
