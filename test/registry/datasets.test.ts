import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { loadTable, openObjectStore, pointerOf, type ObjectStore } from '../../src/lake/index.ts'
import { createEntity } from '../../src/registry/entities.ts'
import { getDataset, listDatasets, patchDataset } from '../../src/registry/datasets.ts'
import { archiveEntity } from '../../src/registry/lifecycle.ts'
import { CommitUnknown, openStore, type Store } from '../../src/store/index.ts'
import { namespaceOf } from '../../src/tenancy/index.ts'
import { withPostgres } from '../kit/postgres.ts'
import { isProblem, makeDataset, makeSchema, makeTenant } from '../kit/registry.ts'
import { ownFolder } from '../kit/folder.ts'

const postgres = await withPostgres({ after })
const store = await openStore({ url: postgres.appUrl, poolSize: 8, applicationName: 'test' })
after(() => store[Symbol.asyncDispose]())
const folder = await ownFolder({ after })
const warehouse = `file://${folder}`
const objects = openObjectStore({ warehouse })
const places = { store, objects, warehouse }

const mine = (await makeTenant(places, 'mine')).id
const theirs = (await makeTenant(places, 'theirs')).id
const schema = await makeSchema(places, mine, {
  type: 'object',
  properties: { user: { type: 'string' }, cents: { type: 'integer' } },
})
const admin = <R>(text: string, values?: unknown[]): Promise<R[]> => postgres.sql('admin').query<R>(text, values)
/** What is left of a dataset that was not made: nothing but an intent that the sweeper may take at once. */
async function assertNothingLeft(slug: string): Promise<void> {
  for (const [table, column] of [
    ['pdm_datasets', 'slug'],
    ['iceberg_catalog.iceberg_tables', 'table_name'],
  ] as const) {
    assert.deepEqual(await admin(`SELECT 1 FROM ${table} WHERE ${column} = $1`, [slug]), [], table)
  }
  const waiting = await admin<{ worker: string | null }>(
    "SELECT worker FROM flush_intents WHERE $1 = ANY (SELECT split_part(l, '/', -1) FROM unnest(locations) l) OR condemned_at IS NULL",
    [slug],
  )
  assert.deepEqual(waiting, [])
}

test('a dataset has a row, a table named after its slug, and a binding; its intent is closed', async () => {
  const dataset = await makeDataset(places, mine, 'page-views', schema.uri)
  assert.deepEqual(
    [dataset.slug, dataset.schema_uri, dataset.schema_id, dataset.namespace, dataset.table_name],
    ['page-views', schema.uri, schema.id, namespaceOf(mine), 'page-views'],
  )
  const location = await store.asTenant(mine, (sql) => pointerOf(sql, namespaceOf(mine), 'page-views'))
  const table = await loadTable(objects, location ?? '')
  assert.deepEqual(
    table.schema.fields.map((field) => [field.name, field.required]),
    [
      ['_event_id', true],
      ['_received_at', true],
      ['_source', true],
      ['timestamp', true],
      ['user', false],
      ['cents', false],
    ],
  )
  assert.ok(table.location.startsWith(`${warehouse}/${namespaceOf(mine)}/page-views-`))
  assert.equal(table.snapshot, undefined)
  const [bound] = await admin<{ shape: { under: string[]; fields: { key: string }[]; envelope: { key: string }[] } }>(
    'SELECT shape FROM dataset_bindings WHERE dataset_id = $1',
    [dataset.id],
  )
  assert.deepEqual(bound?.shape.under, ['e', 'data'])
  assert.deepEqual(
    bound?.shape.envelope.map((field) => field.key),
    ['_event_id', '_received_at', '_source'],
  )
  assert.deepEqual(
    bound?.shape.fields.map((field) => field.key),
    ['timestamp', 'user', 'cents'],
  )
  assert.deepEqual(await admin('SELECT 1 FROM flush_intents WHERE tenant_id = $1', [mine]), [])
  for (const key of [dataset.id, dataset.id.toUpperCase(), 'page-views'])
    assert.deepEqual(await getDataset(store, mine, key), dataset)
  for (const key of [dataset.id, 'page-views']) assert.equal(await getDataset(store, theirs, key), undefined)
})

test('a schema that is open at the top has a column for what it does not name', async () => {
  const open = await makeSchema(places, mine, { type: 'object', additionalProperties: true })
  await makeDataset(places, mine, 'open', open.uri)
  const location = await store.asTenant(mine, (sql) => pointerOf(sql, namespaceOf(mine), 'open'))
  assert.ok(
    (await loadTable(objects, location ?? '')).schema.fields.some(
      (field) => field.name === '_extra' && !field.required,
    ),
  )
})

test('a slug is taken within a tenant, and free in another', async () => {
  await makeDataset(places, mine, 'twice', schema.uri)
  await assert.rejects(makeDataset(places, mine, 'twice', schema.uri), isProblem('dataset_slug_taken'))
  const other = await makeSchema(places, theirs)
  assert.equal((await makeDataset(places, theirs, 'twice', other.uri)).slug, 'twice')
})

test('of five who make one dataset at once, one makes it and the others leave no half', async () => {
  const settled = await Promise.allSettled(
    Array.from({ length: 5 }, () => makeDataset(places, mine, 'rush', schema.uri)),
  )
  assert.equal(settled.filter((one) => one.status === 'fulfilled').length, 1)
  for (const one of settled) if (one.status === 'rejected') isProblem('dataset_slug_taken')(one.reason)
  assert.equal((await admin(`SELECT 1 FROM iceberg_catalog.iceberg_tables WHERE table_name = 'rush'`)).length, 1)
  assert.deepEqual(await admin('SELECT 1 FROM flush_intents WHERE condemned_at IS NULL'), [])
})

test('only a published schema that the tenant sees, with a timestamp, makes a dataset', async () => {
  const draft = await createEntity(store, mine, 'schema', {
    uri: 'https://test.example/draft',
    title: 'Draft',
    definition: '{"type":"object"}',
    class_uri: 'https://ns.azothedge.com/pdm/class/interaction-event',
  })
  await assert.rejects(makeDataset(places, mine, 'draft', draft.uri), isProblem('schema_not_published'))
  const gone = await makeSchema(places, mine)
  await archiveEntity(store, mine, { kind: 'schema', id: gone.id })
  await assert.rejects(makeDataset(places, mine, 'gone', gone.uri), isProblem('schema_not_published'))
  await assert.rejects(makeDataset(places, mine, 'none', 'https://test.example/none'), isProblem('reference_not_found'))
  await assert.rejects(makeDataset(places, theirs, 'stolen', schema.uri), isProblem('reference_not_found'))
  await assert.rejects(
    makeDataset(places, mine, 'class', 'https://ns.azothedge.com/pdm/class/interaction-event'),
    isProblem('reference_not_found'),
  )
  for (const slug of ['draft', 'gone', 'none', 'stolen', 'class']) await assertNothingLeft(slug)
})

test('a schema without a timestamp is refused when the dataset is made', async () => {
  const made = await createEntity(store, mine, 'schema', {
    uri: 'https://test.example/timeless',
    title: 'Timeless',
    definition: '{"type":"object"}',
    class_uri: 'https://ns.azothedge.com/pdm/class/person-profile',
  })
  const { patchEntity } = await import('../../src/registry/lifecycle.ts')
  await patchEntity(store, mine, { kind: 'schema', id: made.id }, { status: 'published' })
  await assert.rejects(makeDataset(places, mine, 'timeless', made.uri), isProblem('schema_needs_timestamp'))
})

test('when the lake cannot be written there is no dataset', async () => {
  const broken: ObjectStore = { ...objects, put: () => Promise.reject(new Error('disk full')) }
  await assert.rejects(
    makeDataset({ ...places, objects: broken }, mine, 'unwritable', schema.uri),
    isProblem('dependency_away'),
  )
  assert.equal(await getDataset(store, mine, 'unwritable'), undefined)
  assert.equal((await makeDataset(places, mine, 'unwritable', schema.uri)).slug, 'unwritable')
})

test('when the last transaction fails nothing of it stays, and the slug is free again', async () => {
  const failing: Store = {
    ...store,
    asTenant: (tenantId, act, options) =>
      store.asTenant(
        tenantId,
        (sql) =>
          act({
            query: (text, values) =>
              text.startsWith('INSERT INTO dataset_bindings')
                ? Promise.reject(new Error('cut on purpose'))
                : sql.query(text, values),
          }),
        options,
      ),
  }
  await assert.rejects(makeDataset({ ...places, store: failing }, mine, 'cut', schema.uri), /cut on purpose/)
  await assertNothingLeft('cut')
  assert.equal((await makeDataset(places, mine, 'cut', schema.uri)).slug, 'cut')
})

test('a commit whose answer was lost is looked up: there it is', async () => {
  let calls = 0
  const losing: Store = {
    ...store,
    async asTenant(tenantId, act, options) {
      const answer = await store.asTenant(tenantId, act, options)
      // Planning, intent, then the transaction that counts.
      if (++calls === 3) throw new CommitUnknown('lost on purpose')
      return answer
    },
  }
  const dataset = await makeDataset({ ...places, store: losing }, mine, 'lost-answer', schema.uri)
  assert.deepEqual(dataset, await getDataset(store, mine, 'lost-answer'))
})

test('an intent that was condemned meanwhile makes no dataset', async () => {
  const slow: ObjectStore = {
    ...objects,
    async put(location, body) {
      await objects.put(location, body)
      await admin('UPDATE flush_intents SET condemned_at = now() WHERE condemned_at IS NULL')
    },
  }
  await assert.rejects(
    makeDataset({ ...places, objects: slow }, mine, 'condemned', schema.uri),
    isProblem('dependency_away'),
  )
  await assertNothingLeft('condemned')
})

test("lists go page by page, newest first, and show nobody else's", async () => {
  const seen: string[] = []
  let cursor: string | undefined
  do {
    const page = await listDatasets(store, mine, { limit: 3, cursor })
    seen.push(...page.items.map((dataset) => dataset.slug))
    cursor = page.next_cursor ?? undefined
  } while (cursor !== undefined)
  const all = await admin<{ slug: string }>(
    'SELECT slug FROM pdm_datasets WHERE tenant_id = $1 ORDER BY created_at DESC, id DESC',
    [mine],
  )
  assert.deepEqual(
    seen,
    all.map((row) => row.slug),
  )
})

test('a new name changes the name alone', async () => {
  const before = await getDataset(store, mine, 'page-views')
  const renamed = await patchDataset(store, mine, 'page-views', { name: 'Views of pages' })
  assert.deepEqual({ ...renamed, updated_at: '' }, { ...before, name: 'Views of pages', updated_at: '' })
  assert.equal(await patchDataset(store, theirs, 'page-views', { name: 'x' }), undefined)
})

test('what is no slug and no id is no dataset, whatever it holds', async () => {
  for (const key of ['', 'A', '../x', '\0', "'; --", 'x'.repeat(10_000), '1-2-3'])
    assert.equal(await getDataset(store, mine, key), undefined)
})
