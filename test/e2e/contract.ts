import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { openBus } from '../../src/bus/index.ts'
import { loadSettings } from '../../src/config/index.ts'
import { dlqTopic, rawTopic } from '../../src/event/index.ts'
import { openObjectStore, type ObjectStore } from '../../src/lake/index.ts'
import { columnsOf, compose } from '../../src/pdm/index.ts'
import { objectStoreOptions } from '../../src/places/index.ts'
import { assertBalanced } from '../kit/account.ts'
import { call, makePlace, type Place } from '../kit/api.ts'
import { openClient } from '../kit/client.ts'
import { EVERY_TYPE, everyTypeAt } from '../kit/every-type.ts'
import { fieldsDiffer, parseExact } from '../kit/exact.ts'
import { readLake } from '../kit/lake-reader.ts'
import { bootPulse, type Member, type System } from '../kit/system.ts'
import { until } from '../kit/until.ts'

/** As it goes over the wire, with its numbers as they are written. */
const exact = (data: unknown): Record<string, unknown> => parseExact(JSON.stringify(data)) as Record<string, unknown>

/** What a system stands on: settings, and the engines among its places that can be taken away. */
interface Standing {
  readonly env: Readonly<Record<string, string>>
  readonly engines: readonly { kill(): Promise<void>; start(): Promise<void> }[]
}

/**
 * What holds of Pulse wherever its records, its books and its lake are: the same tests over any mix of places, which are told
 * apart by their settings alone.
 */
export function endToEndContract(
  name: string,
  stand: (owner: { after(act: () => void | Promise<void>): void }) => Promise<Standing>,
): void {
  describe(`end to end on ${name}`, () => {
    let system: System
    let standing: Standing
    let place: Place
    let objects: ObjectStore
    const disposing: (() => void | Promise<void>)[] = []

    before(
      async () => {
        standing = await stand({ after: (act) => void disposing.unshift(act) })
        system = await bootPulse({ PULSE_FLUSH_SECONDS: '0.3', PULSE_LEASE_SECONDS: '3', ...standing.env })
        disposing.unshift(async () => system[Symbol.asyncDispose]())
        place = await makePlace(system.baseUrl, EVERY_TYPE)
        const settings = loadSettings(system.env)
        objects = openObjectStore(objectStoreOptions(settings, 'demo'))
      },
      { timeout: 120_000 },
    )
    after(
      async () => {
        for (const dispose of disposing) await dispose()
      },
      { timeout: 60_000 },
    )

    const lake = (columns?: string) => readLake(system.baseUrl, place.tenantId, place.dataset, columns, objects)
    const rowIds = async (): Promise<string[]> => (await lake()).rows.map((row) => String(row['id']))
    async function collect(events: readonly { id: string; data: unknown }[]): Promise<number> {
      const answer = await fetch(`${system.baseUrl}/v1/collect`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson', 'x-tenant-id': place.tenantId },
        body: events.map(({ id, data }) => JSON.stringify({ dataset: place.dataset, event_id: id, data })).join('\n'),
        signal: AbortSignal.timeout(15_000),
      })
      await answer.text()
      return answer.status
    }
    async function books<R extends Record<string, unknown>>(text: string, values: readonly unknown[]): Promise<R[]> {
      const connectionString = system.env['PULSE_ADMIN_DATABASE_URL'] ?? system.adminUrl()
      const client = new Client({ connectionString, connectionTimeoutMillis: 5_000 })
      await client.connect()
      try {
        return (await client.query<R>(text, [...values])).rows
      } finally {
        await client.end()
      }
    }
    const settled = async (): Promise<Record<string, number>> => {
      const [row] = await books<Record<string, number>>(
        `SELECT sum(records)::int AS records, sum(rows)::int AS rows, sum(duplicates)::int AS duplicates, sum(dead_letters)::int AS letters
         FROM flush_totals WHERE tenant_id = $1`,
        [place.tenantId],
      )
      return row ?? {}
    }

    test('every type of value is read back from the files as it was sent', { timeout: 60_000 }, async () => {
      const events = Array.from({ length: 40 }, (_, at) => ({ id: randomUUID(), data: everyTypeAt(at) }))
      assert.equal(await collect(events), 202)
      await until('every event to be a row', async () => (await rowIds()).length === events.length, 30_000)
      const { columns } = columnsOf(compose({ definition: EVERY_TYPE, fieldGroups: [], resolve: () => undefined }))
      const rows = new Map((await lake('*')).rows.map((row) => [String(row['_event_id']), row]))
      for (const { id, data } of events)
        assert.equal(fieldsDiffer(exact(data), columns, rows.get(id) ?? {}), undefined, JSON.stringify(data))
      const receipt = async (id: string): Promise<Record<string, unknown>> => {
        const path = `/v1/events/${id}?dataset=${place.dataset}`
        return (await call(system.baseUrl, 'GET', path, { tenantId: place.tenantId })).body
      }
      for (const { id } of events) {
        const { status, source } = await receipt(id)
        assert.deepEqual([status, source], ['committed', rows.get(id)?.['_source']])
      }
      const asked = new Date().toISOString()
      const passed = async (): Promise<boolean> => String((await receipt(randomUUID()))['watermark']) > asked
      await until('the watermark to pass, with nothing pending', passed, 30_000)
      const preview = await call(system.baseUrl, 'GET', `/v1/datasets/${place.dataset}/preview?limit=50`, {
        tenantId: place.tenantId,
      })
      assert.deepEqual(
        (preview.body['rows'] as { _event_id: string }[]).map((row) => row._event_id).sort(),
        events.map(({ id }) => id).sort(),
      )
    })

    test(
      'an event that is sent again is a duplicate, and a record that nobody can read is a dead letter',
      { timeout: 60_000 },
      async () => {
        const before = await settled()
        const twice = Array.from({ length: 5 }, (_, at) => ({ id: randomUUID(), data: everyTypeAt(at) }))
        for (let time = 0; time < 2; time += 1) assert.equal(await collect(twice), 202)
        const settings = system.env['PULSE_KAFKA_BROKERS'] ?? `127.0.0.1:${system.port('bus')}`
        await using bus = openBus({ brokers: [settings], clientId: 'somebody', publishTimeoutMs: 10_000 })
        await using publisher = bus.publisher()
        const key = Buffer.from(randomUUID())
        const headers = { entries: [[Buffer.from('pulse-dataset'), Buffer.from(randomUUID())] as const] }
        const stray = { topic: rawTopic(place.tenantId), key, value: Buffer.from('{"stray":true}'), headers }
        assert.deepEqual(await publisher.publish([stray as never]), [null])
        await until(
          'all of it to be settled',
          async () => (await settled())['records'] === (before['records'] ?? 0) + 11,
          30_000,
        )
        const now = await settled()
        assert.deepEqual(
          [now['rows'], now['duplicates'], now['letters']],
          [(before['rows'] ?? 0) + 5, (before['duplicates'] ?? 0) + 5, (before['letters'] ?? 0) + 1],
        )
        const [letter] = await books<{ reason: string }>(
          'SELECT reason FROM dead_letters WHERE tenant_id = $1 AND event_id = $2',
          [place.tenantId, key.toString()],
        )
        assert.equal(letter?.reason, 'unknown_dataset')
        const [topic] = await bus.admin.describeTopics([dlqTopic(place.tenantId)])
        assert.ok(topic)
        await using reader = bus.reader()
        const from = { topicId: topic.topicId, topic: topic.name, partition: 0, offset: 0 }
        await until('its copy to be on the topic of dead letters', async () => {
          const { partitions } = await reader.fetch([from], { maxBytes: 1 << 20, maxWaitMs: 1_000 })
          return partitions.some(({ records }) => records.some((record) => record.key?.equals(key)))
        })
      },
    )

    test(
      'every process and every engine is killed under load, once, and nothing is lost or doubled',
      { timeout: 180_000 },
      async (t) => {
        const already = new Set(await rowIds())
        const client = openClient({
          baseUrl: () => system.baseUrl,
          tenantId: place.tenantId,
          dataset: place.dataset,
          perRequest: 10,
          pauseMs: 20,
          eventAt: (at) => everyTypeAt(at),
        })
        const stop = new AbortController()
        const running = client.run(stop.signal)
        running.catch(() => undefined)
        const more = async (): Promise<void> => {
          const before = client.acknowledged.size
          await until('more events to be acknowledged', () => client.acknowledged.size > before + 50, 90_000)
        }
        await more()
        for (const member of ['worker', 'api', 'bus', 'postgres'] as const satisfies readonly Member[]) {
          if (system.pid(member) === undefined) continue
          system.kill9(member)
          await more()
        }
        for (const engine of standing.engines) {
          await engine.kill()
          await sleep(500)
          await engine.start()
          await more()
        }
        stop.abort()
        await running
        const own = async (): Promise<string[]> => (await rowIds()).filter((id) => !already.has(id))
        await until(
          'every event to be a row',
          async () => (await own()).length >= client.acknowledged.size,
          90_000,
          250,
        ).catch(
          () => undefined, // the account says by name what is missing
        )
        assertBalanced(
          { sent: client.sent, acknowledged: client.acknowledged, rowIds: await own(), deadLetterIds: [] },
          name,
        )
        t.diagnostic(
          `${client.acknowledged.size} events through ${standing.engines.length} engines' deaths and the processes'`,
        )
      },
    )

    test(
      'after a stop and a start on the same places everything is there, and goes on',
      { timeout: 120_000 },
      async () => {
        const before = (await rowIds()).sort()
        assert.equal(await system.stop(), 0, system.output())
        await system.start()
        assert.deepEqual((await rowIds()).sort(), before)
        const event = { id: randomUUID(), data: everyTypeAt(1) }
        await until('an event to be accepted', async () => (await collect([event])) === 202, 30_000)
        await until('it to be a row', async () => (await rowIds()).includes(event.id), 30_000)
      },
    )
  })
}
