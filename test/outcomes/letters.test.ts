import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { makeJourney, withApi } from '../kit/api-server.ts'
import { putLetters } from '../kit/letters.ts'
import type { Owner } from '../kit/postgres.ts'

async function prepare(owner: Owner) {
  const api = await withApi(owner)
  const { tenant, dataset } = await makeJourney(api)
  const admin = api.postgres.sql('admin')
  const datasetId = String(dataset['id'])
  const get = async (path: string, as = tenant) => {
    const answer = await api.ask('GET', path, { tenant: as })
    assert.equal(answer.status, 200, answer.text)
    return answer.body
  }
  const idsOf = (page: Record<string, unknown>): string[] => (page['items'] as { id: string }[]).map(({ id }) => id)
  return { api, admin, tenant, datasetId, get, idsOf }
}

test('letters are listed newest first, by page, with what is wrong, where it came from and whose trace it is', async (t) => {
  const { admin, tenant, datasetId, get, idsOf } = await prepare(t)
  const value = '{"dataset":"events","data":{}}'
  const ids = await putLetters(
    admin,
    Array.from({ length: 7 }, () => ({ tenantId: tenant, datasetId, value, pointer: '/data/n' })),
  )
  const seen: string[] = []
  for (let cursor = ''; ;) {
    const page = await get(`/v1/datasets/events/dead-letters?limit=3${cursor}`)
    seen.push(...idsOf(page))
    if (page['next_cursor'] === null) break
    cursor = `&cursor=${String(page['next_cursor'])}`
    // What is made meanwhile shifts nothing.
    await putLetters(admin, [{ tenantId: tenant, datasetId, value }])
  }
  assert.deepEqual(seen, ids.toReversed())
  const { items } = await get('/v1/dead-letters?limit=1&reason=unconvertible&pointer=/data')
  const { at, received_at: received, source, event_id: eventId, ...rest } = items[0]
  assert.deepEqual(rest, {
    id: ids.at(-1),
    dataset: 'events',
    reason: 'unconvertible',
    pointer: '/data/n',
    error: 'It did not fit.',
    bytes: value.length,
    relayed_at: null,
    replayed_at: null,
    trace_id: '0af7651916cd43dd8448eb211c80319c',
  })
  assert.ok(Date.parse(at) > 0 && Date.parse(received) > 0 && eventId.length === 36)
  assert.match(source, new RegExp(`^pulse\\.${tenant}\\.events\\.raw/0/\\d+$`))
})

test('they are chosen by reason, time, place, event, whether they were sent again, and dataset', async (t) => {
  const { api, admin, tenant, datasetId, get, idsOf } = await prepare(t)
  const event = randomUUID()
  const [old, here, below, beside, stray] = await putLetters(admin, [
    { tenantId: tenant, datasetId, value: '{}', daysAgo: 1, reason: 'too_large' },
    { tenantId: tenant, datasetId, value: '{}', pointer: '/data/a', eventId: event.toUpperCase() },
    { tenantId: tenant, datasetId, value: '{}', pointer: '/data/a/b' },
    { tenantId: tenant, datasetId, value: '{}', pointer: '/data/ab', reason: 'invalid' },
    { tenantId: tenant, datasetId: null, value: 'x', reason: 'malformed', eventId: 'no id' },
  ])
  await admin.query('UPDATE dead_letters SET replayed_at = now() WHERE number = $1', [below])
  const dayAgo = new Date(Date.now() - 12 * 3_600_000).toISOString()
  for (const [query, expected] of [
    ['', [beside, below, here, old]],
    ['?reason=too_large', [old]],
    [`?from=${dayAgo}`, [beside, below, here]],
    [`?to=${dayAgo}`, [old]],
    [`?from=${dayAgo}&to=${dayAgo}`, []],
    ['?pointer=/data/a', [below, here]],
    ['?pointer=/data/a/b', [below]],
    [`?event_id=${event}`, [here]],
    [`?event_id=${event.toUpperCase()}`, [here]],
    ['?replayed=true', [below]],
    ['?replayed=false&pointer=/data/a', [here]],
  ] as const)
    assert.deepEqual(idsOf(await get(`/v1/datasets/events/dead-letters${query}`)), expected, query)
  assert.deepEqual(idsOf(await get('/v1/dead-letters')), [stray, beside, below, here, old])
  assert.deepEqual(idsOf(await get('/v1/dead-letters?reason=malformed')), [stray])
  for (const query of [
    'from=yesterday',
    'from=2026-02-30T00:00:00Z',
    'to=2026-11-25T08:00:00%2B24:00',
    'to=2026-13-01T00:00:00Z',
    'cursor=zzz',
    'reason=bad',
    'event_id=1',
    'limit=0',
    'pointer=data/a',
    'pointer=/data/%00',
  ]) {
    const answer = await api.ask('GET', `/v1/datasets/events/dead-letters?${query}`, { tenant })
    assert.deepEqual([answer.status, answer.body['code']], [400, 'invalid_parameter'], `${query}: ${answer.text}`)
    assert.equal(answer.body['errors'][0].pointer, `/${query.split('=')[0]}`)
  }
  const receipt = await api.ask('GET', '/v1/events/xyz?dataset=events', { tenant })
  assert.deepEqual([receipt.status, receipt.body['errors']?.[0].pointer], [400, '/event_id'], receipt.text)
})

test('counts say how many there are of each reason and place', async (t) => {
  const { admin, tenant, datasetId, get } = await prepare(t)
  await putLetters(admin, [
    { tenantId: tenant, datasetId, value: '{}', pointer: '/data/a', daysAgo: 1 },
    { tenantId: tenant, datasetId, value: '{}', pointer: '/data/a' },
    { tenantId: tenant, datasetId, value: '{}', pointer: '/data/b' },
    { tenantId: tenant, datasetId, value: '{}', reason: 'too_large' },
  ])
  const path = '/v1/datasets/events/dead-letters'
  const counts = (body: Record<string, unknown>) =>
    (body['items'] as { reason: string; pointer?: string; count: number }[]).map((one) => [
      one.reason,
      one.pointer,
      one.count,
    ])
  const byReason = await get(`${path}?group=reason`)
  assert.deepEqual(counts(byReason), [
    ['unconvertible', undefined, 3],
    ['too_large', undefined, 1],
  ])
  assert.deepEqual([byReason['counted'], byReason['complete']], [4, true])
  const [first] = byReason['items']
  assert.ok(Date.parse(first.last_at) - Date.parse(first.first_at) > 3_600_000)
  assert.deepEqual(counts(await get(`${path}?group=pointer&reason=unconvertible`)), [
    ['unconvertible', '/data/a', 2],
    ['unconvertible', '/data/b', 1],
  ])
  assert.deepEqual(await get(`${path}?group=reason&reason=malformed`), { items: [], counted: 0, complete: true })
})

test('counts by day begin with the newest', async (t) => {
  const { admin, tenant, datasetId, get } = await prepare(t)
  const letter = (daysAgo: number, reason: 'invalid' | 'too_large') => ({
    tenantId: tenant,
    datasetId,
    value: '{}',
    daysAgo,
    reason,
  })
  await putLetters(admin, [letter(1, 'invalid'), letter(1, 'invalid'), letter(1, 'too_large'), letter(0, 'invalid')])
  const { items } = await get('/v1/datasets/events/dead-letters?group=day')
  const told = (items as { day: string; first_at: string; reason: string; count: number }[]).map((one) => {
    assert.equal(one.day, one.first_at.slice(0, 10))
    return [one.reason, one.count]
  })
  assert.deepEqual(told, [
    ['invalid', 1],
    ['invalid', 2],
    ['too_large', 1],
  ])
})

test('counts of more places than are shown say that they are not all', async (t) => {
  const { admin, tenant, datasetId, get } = await prepare(t)
  const at = (place: number) => ({ tenantId: tenant, datasetId, value: '{}', pointer: `/data/tags/k${place}` })
  await putLetters(admin, [...Array.from({ length: 200 }, (_, place) => at(place)), at(0)])
  const path = '/v1/datasets/events/dead-letters?group=pointer'
  const all = await get(path)
  assert.deepEqual([all['items'].length, all['counted'], all['complete']], [200, 201, true])
  assert.deepEqual([all['items'][0].pointer, all['items'][0].count], ['/data/tags/k0', 2])
  await putLetters(admin, [at(200)])
  const some = await get(path)
  assert.deepEqual([some['items'].length, some['counted'], some['complete']], [200, 202, false])
})

test('one letter is shown with its payload as it was sent, whatever it is', async (t) => {
  const { api, admin, tenant, datasetId, get } = await prepare(t)
  const text = '{"data": {"n":12345678901234567890.10}}'
  const [json = '', broken = '', bytes = '', none = ''] = await putLetters(admin, [
    { tenantId: tenant, datasetId, value: text },
    { tenantId: tenant, datasetId, value: 'not JSON' },
    { tenantId: tenant, datasetId: null, value: Buffer.from([0xff, 0x00]) },
    { tenantId: tenant, datasetId, value: null, eventId: null },
  ])
  const answer = await api.ask('GET', `/v1/datasets/events/dead-letters/${json}`, { tenant })
  assert.ok(answer.text.endsWith(`,"payload":${text}}`), answer.text)
  assert.deepEqual([answer.body['headers'], answer.body['payload_withheld']], [[['pulse-schema', 'x']], false])
  for (const [id, base64] of [
    [broken, Buffer.from('not JSON').toString('base64')],
    [bytes, '/wA='],
    [none, null],
  ] as const) {
    const { payload, payload_base64: got } = await get(`/v1/dead-letters/${id}`)
    assert.deepEqual([payload, got], [null, base64])
  }
  for (const path of [`/v1/datasets/events/dead-letters/${bytes}`, '/v1/dead-letters/999999', '/v1/dead-letters/x'])
    assert.equal((await api.ask('GET', path, { tenant })).status, 404, path)
})

test('another tenant’s letters are nobody’s: not listed, counted, shown or sent again', async (t) => {
  const { api, admin, tenant, datasetId } = await prepare(t)
  const { tenant: stranger } = await makeJourney(api)
  const [id = ''] = await putLetters(admin, [{ tenantId: tenant, datasetId, value: '{"data":{}}' }])
  const ask = (method: string, path: string, body?: unknown) =>
    api.ask(method, path, { tenant: stranger, ...(body === undefined ? {} : { body }) })
  for (const path of ['/v1/dead-letters', '/v1/datasets/events/dead-letters']) {
    assert.deepEqual((await ask('GET', path)).body['items'], [])
    assert.deepEqual((await ask('GET', `${path}?group=reason`)).body['items'], [])
    assert.equal((await ask('GET', `${path}/${id}`)).status, 404)
    assert.equal((await ask('POST', `${path}/${id}/replay`, {})).status, 404)
    assert.equal((await ask('POST', `${path}/replay`, {})).body['examined'], 0)
  }
  assert.equal((await ask('GET', `/v1/datasets/${datasetId}/dead-letters`)).status, 404)
  assert.equal((await ask('GET', `/v1/events/${randomUUID()}?dataset=${datasetId}`)).status, 404)
  assert.equal(api.bus.records.size, 0)
})
