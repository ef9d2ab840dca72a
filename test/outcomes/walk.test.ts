import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeJourney, withApi } from '../kit/api-server.ts'
import { putLetters } from '../kit/letters.ts'

test('in a flood a page and a slice look at so many letters, say where they ended, and come to the rare one', async (t) => {
  const api = await withApi(t)
  const { tenant, dataset } = await makeJourney(api)
  const admin = api.postgres.sql('admin')
  const rare = { tenantId: tenant, datasetId: String(dataset['id']), reason: 'malformed' as const, value: 'no' }
  const [first] = await putLetters(admin, [rare])
  await admin.query(
    `INSERT INTO dead_letters (tenant_id, dataset_id, topic_id, topic, partition, source_offset, event_id, reason, pointer, error,
       value, headers, traceparent, flush_number)
     SELECT tenant_id, dataset_id, topic_id, topic, 1, n, n::text, 'invalid', '/data/n', '', 'x', '[]', traceparent, 1
     FROM dead_letters, generate_series(1, 100000) n`,
  )
  const [last] = await putLetters(admin, [rare])
  const list = async (cursor?: unknown) => {
    const query = `reason=malformed${cursor === undefined ? '' : `&cursor=${String(cursor)}`}`
    const { body } = await api.ask('GET', `/v1/datasets/events/dead-letters?${query}`, { tenant })
    return { ids: (body['items'] as { id: string }[]).map(({ id }) => id), next: body['next_cursor'] }
  }
  const page = await list()
  assert.deepEqual(page.ids, [last])
  assert.deepEqual(await list(page.next), { ids: [first], next: null })
  const slice = async (cursor?: unknown) => {
    const body = { reason: 'malformed', dry_run: true, ...(cursor === undefined ? {} : { cursor }) }
    const answer = await api.ask('POST', '/v1/dead-letters/replay', { tenant, body })
    return { ids: (answer.body['refused'] as { id: string }[]).map(({ id }) => id), next: answer.body['next_cursor'] }
  }
  const begun = await slice()
  assert.deepEqual(begun.ids, [first])
  assert.deepEqual(await slice(begun.next), { ids: [last], next: null })
  const unfiltered = await api.ask('GET', '/v1/dead-letters?limit=2', { tenant })
  assert.equal(unfiltered.body['items'][0].id, last)
  const started = performance.now()
  const one = await api.ask('GET', '/v1/dead-letters?reason=invalid&limit=1', { tenant })
  assert.ok(one.body['items'].length === 1 && one.body['next_cursor'] !== null)
  t.diagnostic(`one of many: ${(performance.now() - started).toFixed()} ms`)
})
