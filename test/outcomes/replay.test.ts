import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { Client } from 'pg'
import { rawTopic } from '../../src/event/index.ts'
import { Problem } from '../../src/problems/index.ts'
import type { Store } from '../../src/store/index.ts'
import { makeJourney, withApi, type Answer } from '../kit/api-server.ts'
import { putLetters } from '../kit/letters.ts'
import type { Owner } from '../kit/postgres.ts'

const DEFINITION = {
  type: 'object',
  properties: { timestamp: { type: 'string', format: 'date-time' }, n: { type: 'integer' } },
  required: ['n'],
}
const PATH = '/v1/datasets/events/dead-letters'
const AT = '2026-11-25T08:00:00Z'
const event = (n: unknown): string => JSON.stringify({ dataset: 'events', data: { timestamp: AT, n } })

async function prepare(owner: Owner, options: Parameters<typeof withApi>[1] = {}) {
  const api = await withApi(owner, options)
  const { tenant, dataset } = await makeJourney(api, DEFINITION)
  const admin = api.postgres.sql('admin')
  const datasetId = String(dataset['id'])
  const put = (...values: string[]): Promise<string[]> =>
    putLetters(
      admin,
      values.map((value) => ({ tenantId: tenant, datasetId, value })),
    )
  const post = (path: string, body: unknown = {}): Promise<Answer> =>
    api.ask('POST', `${PATH}${path}`, { tenant, body })
  const ok = async (path: string, body: unknown = {}): Promise<Record<string, unknown>> => {
    const answer = await post(path, body)
    assert.equal(answer.status, 200, answer.text)
    return answer.body
  }
  const published = () => api.bus.records.get(rawTopic(tenant)) ?? []
  const letters = () =>
    admin.query<{ id: string; event_id: string; replayed: boolean }>(
      'SELECT number::text AS id, replayed_at IS NOT NULL AS replayed, l.* FROM dead_letters l ORDER BY number',
    )
  return { api, tenant, datasetId, put, post, ok, published, letters }
}

test('a letter goes again under its own id with all that collect adds, is marked, and goes no second time', async (t) => {
  const { put, ok, published, letters, datasetId } = await prepare(t)
  const [id] = await put(event(0).replace('"n":0', '"n":12345678901234567'))
  const done = await ok(`/${id}/replay`)
  const [before] = await letters()
  assert.deepEqual([done['status'], done['id'], done['dataset']], ['replayed', id, 'events'])
  assert.ok(Math.abs(Date.parse(String(done['replayed_at'])) - Date.now()) < 60_000)
  const [record] = published()
  assert.ok(record)
  assert.equal(record.key.toString(), done['event_id'])
  assert.ok(record.value.toString().endsWith('"n":12345678901234567}}'), record.value.toString())
  const headers = Object.fromEntries(record.headers.entries.map(([name, value]) => [String(name), String(value)]))
  assert.equal(headers['pulse-dataset'], datasetId)
  const again = await ok(`/${id}/replay`)
  assert.deepEqual(again, { ...done, status: 'already_replayed' })
  assert.equal(published().length, 1)
  assert.deepEqual((await letters())[0], before)
})

test('other data takes the place of the event’s own, digit for digit; what is still wrong is refused by name and stays', async (t) => {
  const { put, post, ok, published, letters } = await prepare(t)
  const [id, broken] = await put(event('three'), 'not JSON')
  const refused = await post(`/${id}/replay`)
  assert.deepEqual([refused.status, refused.body['code']], [422, 'all_rejected'])
  assert.equal(refused.body['errors'][0].pointer, '/data/n')
  assert.equal((await post(`/${broken}/replay`)).body['code'], 'malformed')
  const named = (await ok('/replay', { dry_run: true }))['refused'] as { id: string; event_id: string | null }[]
  const known = await letters()
  assert.deepEqual(
    named.map((one) => [one.id, one.event_id]),
    known.map((one) => [one.id, one.event_id]),
    'also where the event cannot be read',
  )
  const wrong = await post(`/${id}/replay`, { data: { timestamp: AT, n: 1.5 } })
  assert.equal(wrong.body['errors'][0].pointer, '/data/n')
  assert.ok((await letters()).every(({ replayed }) => !replayed))
  await ok(`/${id}/replay`, `{"data":{"timestamp":"${AT}","n":  9007199254740993}}`)
  await ok(`/${broken}/replay`, { data: { timestamp: AT, n: 2 } })
  const values = published().map(({ value }) => value.toString())
  assert.match(values[0] ?? '', /Z","n": {2}9007199254740993\}\}$/)
  assert.equal(values.length, 2)
  for (const body of ['{"data":[]}', '{"dat":{}}', '{"data":{},"event_id":"x"}'])
    assert.equal((await post(`/${id}/replay`, body)).body['code'], 'invalid', body)
})

test('a dry run judges as the real one does, and changes nothing', async (t) => {
  const { put, post, ok, published, letters } = await prepare(t)
  const [good, bad] = await put(event(1), event('x'), event(2))
  const before = await letters()
  assert.equal((await ok(`/${good}/replay`, { dry_run: true }))['status'], 'would_pass')
  assert.equal((await post(`/${bad}/replay`, { dry_run: true })).status, 422)
  const { refused, ...slice } = await ok('/replay', { dry_run: true })
  assert.deepEqual(slice, { dry_run: true, examined: 3, replayed: 2, rejected: 1, next_cursor: null })
  assert.deepEqual(
    (refused as { id: string; code: string }[]).map((one) => [one.id, one.code]),
    [[bad, 'invalid']],
  )
  assert.equal(published().length, 0)
  assert.deepEqual(await letters(), before)
})

test('a replay goes in slices, oldest first; who stops has lost nothing; and the next one finds only what is left', async (t) => {
  const { put, ok, published, letters } = await prepare(t)
  const ids = await put(event(1), event('x'), event(2), event(3), event(4))
  const first = await ok('/replay', { limit: 2 })
  assert.deepEqual([first['examined'], first['replayed'], first['rejected']], [2, 1, 1])
  // Stopped here. Letters that came meanwhile are not part of what was asked for.
  const [late] = await put(event(5))
  const cursor = first['next_cursor']
  const second = await ok('/replay', { limit: 100, cursor })
  assert.deepEqual([second['examined'], second['replayed'], second['next_cursor']], [3, 3, null])
  assert.deepEqual(
    (await letters()).filter(({ replayed }) => !replayed).map(({ id }) => id),
    [ids[1], late],
  )
  assert.equal((await ok('/replay', { limit: 100, cursor }))['examined'], 0, 'the same slice again sends nothing')
  const anew = await ok('/replay')
  assert.deepEqual([anew['examined'], anew['replayed'], anew['rejected']], [2, 1, 1])
  const values = published().map(({ value }) => (JSON.parse(value.toString()) as { data: { n: number } }).data.n)
  assert.deepEqual(values, [1, 2, 3, 4, 5])
})

test('a replay takes what its filter names, of the whole tenant too, and a slice no more than its bytes', async (t) => {
  const { api, tenant, datasetId, ok, published } = await prepare(t)
  const admin = api.postgres.sql('admin')
  const long = `${event(1).slice(0, -2)},"pad":"${'x'.repeat(900 << 10)}"}}`
  await putLetters(admin, [
    { tenantId: tenant, datasetId, value: event(1), reason: 'table_unavailable' },
    { tenantId: tenant, datasetId, value: event(2), reason: 'invalid', pointer: '/data/n' },
    { tenantId: tenant, datasetId: null, value: event(3), reason: 'unknown_dataset' },
    ...Array.from({ length: 12 }, () => ({ tenantId: tenant, datasetId, value: long, reason: 'too_large' as const })),
  ])
  assert.equal((await ok('/replay', { reason: 'table_unavailable' }))['replayed'], 1)
  assert.equal((await ok('/replay', { pointer: '/data' }))['replayed'], 1)
  assert.equal((await ok('/replay', { to: '2026-01-01T00:00:00Z' }))['examined'], 0)
  const heavy = await ok('/replay', { reason: 'too_large', dry_run: true })
  assert.equal(heavy['examined'], 9, 'eight mebibytes')
  assert.notEqual(heavy['next_cursor'], null)
  const stray = await api.ask('POST', '/v1/dead-letters/replay', { tenant, body: { reason: 'unknown_dataset' } })
  assert.deepEqual([stray.status, stray.body['replayed']], [200, 1], stray.text)
  assert.equal(published().length, 3)
  for (const [body, status, code] of [
    [{ cursor: 'zzz' }, 400, 'invalid_parameter'],
    [{ from: 'soon' }, 422, 'invalid'],
    [{ pointer: 'data/n' }, 422, 'invalid'],
    [{ pointer: '/data/\0' }, 422, 'invalid'],
  ] as const) {
    const answer = await api.ask('POST', '/v1/dead-letters/replay', { tenant, body })
    assert.deepEqual([answer.status, answer.body['code']], [status, code], answer.text)
    assert.equal(answer.body['errors'][0].pointer, `/${Object.keys(body)[0]}`)
  }
})

test('while the bus is away nothing is marked, and the same cursor goes on when it is back', async (t) => {
  const { api, put, post, ok, published, letters } = await prepare(t)
  const [id] = await put(event(1), event(2), event(3))
  api.bus.failNext('publish', 2)
  for (const path of [`/${id}/replay`, '/replay']) {
    const away = await post(path)
    assert.deepEqual([away.status, away.body['code']], [503, 'publish_failed'], away.text)
    assert.ok(Number(away.headers.get('retry-after')) >= 1)
  }
  assert.ok((await letters()).every(({ replayed }) => !replayed))
  assert.equal((await ok('/replay'))['replayed'], 3)
  assert.equal(published().length, 3)
})

test('a mark that is lost after the bus has the event costs a repeat under the same id, which the ledger knows', async (t) => {
  let fails = 0
  const losing = (store: Store): Store => ({
    ...store,
    asTenant: (tenantId, act, options) =>
      store.asTenant(
        tenantId,
        (sql) =>
          act({
            query: (text, values) =>
              text.startsWith('UPDATE public.dead_letters') && fails-- > 0
                ? Promise.reject(new Problem('dependency_away', 'Postgres went away.', { retryAfterSeconds: 1 }))
                : sql.query(text, values),
          }),
        options,
      ),
  })
  const { put, post, ok, published, letters } = await prepare(t, { store: losing })
  await put(event(1))
  fails = 1
  assert.equal((await post('/replay')).status, 503)
  assert.deepEqual([published().length, (await letters())[0]?.replayed], [1, false])
  assert.equal((await ok('/replay'))['replayed'], 1)
  assert.deepEqual(new Set(published().map(({ key }) => key.toString())).size, 1)
  assert.equal(published().length, 2)
})

test('many replays of the same letters at once send one id each, and mark each letter once', async (t) => {
  const { put, ok, published, letters } = await prepare(t)
  const ids = await put(...Array.from({ length: 20 }, (_, n) => event(n)))
  const done = await Promise.all([
    ...Array.from({ length: 4 }, () => ok('/replay')),
    ...ids.slice(0, 4).map((id) => ok(`/${id}/replay`)),
  ])
  assert.equal(done.length, 8)
  assert.ok((await letters()).every(({ replayed }) => replayed))
  assert.equal(new Set(published().map(({ key }) => key.toString())).size, 20)
  assert.equal((await ok('/replay'))['examined'], 0)
})

test('a letter whose id is none gets the same one each time', async (t) => {
  const { api, tenant, ok, published } = await prepare(t)
  const [id] = await putLetters(api.postgres.sql('admin'), [
    { tenantId: tenant, datasetId: null, eventId: 'not an id', value: event(1) },
  ])
  const tenantWide = `/v1/dead-letters/${id}/replay`
  const dry = await api.ask('POST', tenantWide, { tenant, body: { dry_run: true } })
  const real = await api.ask('POST', tenantWide, { tenant, body: {} })
  assert.deepEqual([dry.status, dry.body['status']], [200, 'would_pass'], dry.text)
  assert.deepEqual([real.status, real.body['status']], [200, 'replayed'], real.text)
  assert.match(String(real.body['event_id']), /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  assert.equal(dry.body['event_id'], real.body['event_id'])
  assert.equal(published()[0]?.key.toString(), real.body['event_id'])
  assert.equal((await ok('/replay'))['examined'], 0, 'it is of no dataset')
  assert.equal((await api.ask('POST', `/v1/dead-letters/${randomUUID()}/replay`, { tenant, body: {} })).status, 404)
})

test('a letter of no dataset is edited and sent to one; a letter of a dataset goes nowhere else', async (t) => {
  const { api, tenant, put, post, published } = await prepare(t)
  const value = event(1).replace('"events"', '"evnets"')
  const [stray] = await putLetters(api.postgres.sql('admin'), [
    { tenantId: tenant, datasetId: null, reason: 'unknown_dataset', value },
  ])
  const send = (body: unknown): Promise<Answer> => api.ask('POST', `/v1/dead-letters/${stray}/replay`, { tenant, body })
  for (const body of [{}, { data: { timestamp: AT, n: 2 } }]) {
    const refused = await send(body)
    assert.deepEqual([refused.status, refused.body['results'][0].code], [422, 'unknown_dataset'], refused.text)
  }
  const sent = await send({ data: { timestamp: AT, n: 2 }, dataset: 'events' })
  assert.deepEqual([sent.status, sent.body['status'], sent.body['dataset']], [200, 'replayed', 'events'], sent.text)
  assert.match(String(published()[0]?.value), /^\{"dataset":"events",.*"n":2\}\}$/)
  const [own] = await put(event(3))
  const moved = await post(`/${own}/replay`, { dataset: 'other' })
  assert.deepEqual([moved.status, moved.body['errors'][0].pointer], [422, '/dataset'], moved.text)
  assert.match(String(moved.body['detail']), /"events"/)
  assert.equal(published().length, 1)
})

test('letters that somebody else holds are sent, not marked, and said to be tried again', async (t) => {
  const { api, put, post, ok, published, letters } = await prepare(t)
  await put(event(1))
  const holder = new Client({ connectionString: api.postgres.adminUrl })
  await holder.connect()
  try {
    await holder.query('BEGIN')
    await holder.query('SELECT FROM dead_letters FOR UPDATE')
    const held = await post('/replay')
    assert.deepEqual([held.status, held.body['code']], [503, 'dependency_away'], held.text)
  } finally {
    await holder.end()
  }
  assert.deepEqual([published().length, (await letters())[0]?.replayed], [1, false])
  assert.equal((await ok('/replay'))['replayed'], 1)
})
