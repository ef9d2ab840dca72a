import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { test } from 'node:test'
import { call, makePlace } from '../kit/api.ts'
import { chance } from '../kit/seed.ts'
import { bootPulse } from '../kit/system.ts'
import { until } from '../kit/until.ts'

const CLASS = 'https://ns.azothedge.com/pdm/class/interaction-event'
const KILLS = 1

/** A version with `n`, and one text property more for each number up to its own. */
const definition = (version: number) => ({
  type: 'object',
  properties: {
    n: { type: 'integer', ...(version === 0 ? { format: 'int32' } : {}) },
    ...Object.fromEntries(Array.from({ length: version }, (_, at) => [`more${at + 1}`, { type: 'string' }])),
  },
  required: ['n'],
})

test('a whole Pulse is bound to new versions under load, its API killed meanwhile: every event that was accepted is one row', async (t) => {
  const { seed, between } = chance()
  t.diagnostic(`seed ${seed}`)
  await using system = await bootPulse({ PULSE_FLUSH_SECONDS: '0.3' })
  const { baseUrl } = system
  const place = await makePlace(baseUrl, definition(0))
  const ask = (method: string, path: string, body?: unknown) =>
    call(baseUrl, method, path, { tenantId: place.tenantId, ...(body === undefined ? {} : { body }) })
  const dataset = async () => (await ask('GET', `/v1/datasets/${place.dataset}`)).body
  const worker = system.pid('worker')

  async function publish(version: number): Promise<{ id: string; uri: string }> {
    const uri = `https://test.example/evolution/${version}`
    const made = await ask('POST', '/v1/schemas', {
      uri,
      title: 'V',
      class_uri: CLASS,
      definition: definition(version),
    })
    assert.equal(made.status, 201, JSON.stringify(made.body))
    const id = String(made.body['id'])
    assert.equal((await ask('PATCH', `/v1/schemas/${id}`, { status: 'published' })).status, 200)
    return { id, uri }
  }

  // Ids are the client's, so that what was not answered can be sent again.
  const accepted = new Map<string, number>()
  let bound = 0
  let isOver = false
  const sending = (async () => {
    for (let n = 0; !isOver; n += 20) {
      const events = Array.from({ length: 20 }, (_, at) => {
        const version = between(0, bound)
        const data = { timestamp: '2026-03-01T00:00:00Z', n: version === 0 ? n + at : 2 ** 40 + n + at }
        const id = crypto.randomUUID()
        return {
          dataset: place.dataset,
          event_id: id,
          data: { ...data, ...(version === 0 ? {} : { [`more${version}`]: 'm' }) },
        }
      })
      await until(
        'the events to be taken',
        async () => {
          const { status, body } = await ask('POST', '/v1/collect', { events })
          if (status === 503) return false
          assert.equal(status, 202, JSON.stringify(body).slice(0, 500))
          assert.equal(body['accepted'], events.length)
          return true
        },
        60_000,
      )
      for (const { event_id, data } of events) accepted.set(event_id, data.n)
      await delay(10)
    }
  })()
  const flowed = async (): Promise<void> => {
    const from = Number((await dataset())['rows'])
    await until('more rows', async () => Number((await dataset())['rows']) > from + 100, 60_000)
  }

  try {
    await flowed()
    for (let version = 1; version <= 2; version += 1) {
      const { id, uri } = await publish(version)
      const impact = await ask('POST', `/v1/schemas/${id}/impact`, { dataset: place.dataset, last: 50 })
      assert.equal(impact.status, 200, JSON.stringify(impact.body))
      assert.deepEqual([impact.body['sampled'], impact.body['failed'], impact.body['breaking']], [50, 0, []])
      const answer = await ask('PATCH', `/v1/datasets/${place.dataset}`, { schema_uri: uri })
      assert.deepEqual([answer.status, answer.body['schema_id']], [200, id], JSON.stringify(answer.body))
      bound = version
      await flowed()
    }
    assert.equal(system.pid('worker'), worker, 'no worker was restarted')
    for (let version = 3; version < 3 + KILLS; version += 1) {
      const { id, uri } = await publish(version)
      const dying = ask('PATCH', `/v1/datasets/${place.dataset}`, { schema_uri: uri }).catch(() => undefined)
      await delay(between(0, 25))
      system.kill9('api')
      await dying
      await until(
        'the dataset to be bound',
        async () => {
          const { status } = await ask('PATCH', `/v1/datasets/${place.dataset}`, { schema_uri: uri })
          return status === 200
        },
        60_000,
      )
      assert.equal((await dataset())['schema_id'], id)
      bound = version
      await flowed()
    }
  } finally {
    isOver = true
    await sending
  }
  await until(
    'every event that was accepted to be a row',
    async () => Number((await dataset())['rows']) >= accepted.size,
    60_000,
  )
  assert.equal((await dataset())['rows'], accepted.size)
  assert.equal(system.pid('worker'), worker)
  const preview = await ask('GET', `/v1/datasets/${place.dataset}/preview?limit=1000`)
  const rows = preview.body['rows'] as Record<string, unknown>[]
  for (const row of rows) assert.equal(Number(row['n']), accepted.get(String(row['_event_id'])))
  assert.deepEqual(
    (preview.body['columns'] as { name: string; type: string }[]).slice(3).map(({ name, type }) => `${name} ${type}`),
    ['timestamp timestamptz', 'n long', ...Array.from({ length: 2 + KILLS }, (_, at) => `more${at + 1} string`)],
  )
})
