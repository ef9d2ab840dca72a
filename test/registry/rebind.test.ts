import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { loadTable, openObjectStore, pointerOf, type ObjectStore, type Table } from '../../src/lake/index.ts'
import { createEntity, openBindings, patchEntity, rebindDataset, type Dataset } from '../../src/registry/index.ts'
import { Problem } from '../../src/problems/index.ts'
import { CommitUnknown, openStore, type Store } from '../../src/store/index.ts'
import { withPostgres } from '../kit/postgres.ts'
import { isProblem, makeDataset, makeSchema, makeTenant } from '../kit/registry.ts'
import { ownFolder } from '../kit/folder.ts'

const postgres = await withPostgres({ after })
const store = await openStore({ url: postgres.appUrl, poolSize: 8, applicationName: 'test' })
after(() => store[Symbol.asyncDispose]())
const folder = await ownFolder({ after })
const warehouse = `file://${folder}`
const objects = openObjectStore({ warehouse })
const GRACE_SECONDS = 4_000
const places = {
  store,
  objects,
  warehouse,
  owner: 'test',
  readerGraceSeconds: GRACE_SECONDS,
  clock: { now: () => Date.now() },
}
const admin = <R>(text: string, values?: unknown[]): Promise<R[]> => postgres.sql('admin').query<R>(text, values)
const mine = (await makeTenant(places, 'mine')).id
const theirs = (await makeTenant(places, 'theirs')).id

const object = (properties: object, more: object = {}) => ({ type: 'object', properties, ...more })
const schemaOf = async (properties: object, more: object = {}, tenant = mine) =>
  await makeSchema(places, tenant, object(properties, more))
const bind = (dataset: Dataset, uri: string, given: Partial<typeof places> = {}) =>
  rebindDataset({ ...places, ...given }, mine, dataset.id, { schema_uri: uri })

async function tableOf(dataset: Dataset): Promise<Table> {
  const location = await store.asTenant(mine, (sql) => pointerOf(sql, dataset.namespace, dataset.table_name))
  return loadTable(objects, location ?? '')
}
const columnsOf = ({ schema }: Table) =>
  schema.fields
    .filter(({ name }) => !name.startsWith('_'))
    .map(({ id, name, required, type }) => `${id} ${name}${required ? '!' : ''} ${String(type)}`)
const openIntents = () => admin('SELECT 1 FROM flush_intents WHERE condemned_at IS NULL')

test('a dataset is bound to a new version: the table has its columns, and both versions keep a map of their own', async () => {
  const first = await schemaOf(
    { a: { type: 'integer', format: 'int32' }, gone: { type: 'string' } },
    { required: ['gone'] },
  )
  const second = await schemaOf({ a: { type: 'integer' }, b: { type: 'string' } }, { required: ['b'] })
  const dataset = await makeDataset(places, mine, 'evolves', first.uri)
  const before = await tableOf(dataset)
  const bound = await bind(dataset, second.uri)
  assert.deepEqual([bound?.schema_id, bound?.schema_uri, bound?.id], [second.id, second.uri, dataset.id])
  const table = await tableOf(dataset)
  assert.deepEqual(columnsOf(before), ['4 timestamp! timestamptz', '5 a int', '6 gone! string'])
  assert.deepEqual(columnsOf(table), ['4 timestamp! timestamptz', '5 a long', '6 gone string', '7 b string'])
  assert.deepEqual([table.schema['schema-id'], table.lastColumnId, table.metadata.schemas.length], [1, 7, 2])
  assert.deepEqual(
    table.metadata['metadata-log']?.map((entry) => entry['metadata-file']),
    [before.metadataLocation],
  )
  const versions = await admin<{ schema_id: string; table_schema_id: number; keys: string[] }>(
    `SELECT schema_id, table_schema_id, ARRAY(SELECT f->>'key' FROM json_array_elements(shape->'fields') f) AS keys
     FROM dataset_bindings WHERE dataset_id = $1 ORDER BY bound_at`,
    [dataset.id],
  )
  assert.deepEqual(versions, [
    { schema_id: first.id, table_schema_id: 0, keys: ['timestamp', 'a', 'gone'] },
    { schema_id: second.id, table_schema_id: 1, keys: ['timestamp', 'a', 'b'] },
  ])
  assert.deepEqual(await openIntents(), [])
})

test('who knows a dataset sees the new version within the time promised, and finds the old one by its name', async () => {
  const [first, second] = [
    await schemaOf({ a: { type: 'string' } }),
    await schemaOf({ a: { type: 'string' }, b: { type: 'string' } }),
  ]
  const dataset = await makeDataset(places, mine, 'seen', first.uri)
  let now = 0
  const bindings = openBindings(store, { maxAgeMs: 2_000, clock: { now: () => now } })
  assert.equal((await bindings.bySlug(mine, 'seen'))?.schemaId, first.id)
  await bind(dataset, second.uri)
  now = 2_001
  const current = await bindings.bySlug(mine, 'seen')
  assert.deepEqual([current?.schemaId, current?.tableSchemaId], [second.id, 1])
  const named = await bindings.byId(mine, dataset.id, first.id)
  assert.deepEqual([named?.schemaId, named?.tableSchemaId], [first.id, 0])
  assert.equal(named?.validate({ timestamp: '2026-01-01T00:00:00Z', b: 'x' })?.length, 1)
  assert.equal(current?.validate({ timestamp: '2026-01-01T00:00:00Z', b: 'x' }), null)
})

test('what would break the table is refused with every reason, and nothing is left of the attempt', async () => {
  const first = await schemaOf({
    a: { type: 'integer' },
    b: { type: 'string' },
    c: { type: 'array', items: { type: 'string' } },
  })
  const worse = await schemaOf({
    a: { type: 'string' },
    b: { type: 'string', format: 'uuid' },
    c: { type: 'array', items: { type: 'integer' } },
  })
  const dataset = await makeDataset(places, mine, 'breaks', first.uri)
  const before = await tableOf(dataset)
  await assert.rejects(bind(dataset, worse.uri), (error) => {
    isProblem('breaking_change')(error)
    assert.deepEqual((error as Problem).errors, [
      { pointer: '/a', keyword: 'breaking_change', message: 'the column holds long, which cannot become string' },
      { pointer: '/b', keyword: 'breaking_change', message: 'the column holds string, which cannot become uuid' },
      { pointer: '/c/*', keyword: 'breaking_change', message: 'the column holds string, which cannot become long' },
    ])
    return true
  })
  assert.equal((await tableOf(dataset)).metadataLocation, before.metadataLocation)
  assert.deepEqual(await openIntents(), [])
})

test('a draft, a stranger’s schema and one without a timestamp are refused as for a new dataset', async () => {
  const first = await schemaOf({})
  const dataset = await makeDataset(places, mine, 'refuses', first.uri)
  const draft = await createEntity(store, mine, 'schema', {
    uri: 'https://test.example/a-draft',
    title: 'Draft',
    definition: '{"type":"object"}',
    class_uri: 'https://ns.azothedge.com/pdm/class/interaction-event',
  })
  await assert.rejects(bind(dataset, draft.uri), isProblem('schema_not_published'))
  await assert.rejects(bind(dataset, (await schemaOf({}, {}, theirs)).uri), isProblem('reference_not_found'))
  const profile = await createEntity(store, mine, 'schema', {
    uri: 'https://test.example/a-profile',
    title: 'Profile',
    definition: '{"type":"object"}',
    class_uri: 'https://ns.azothedge.com/pdm/class/person-profile',
  })
  await patchEntity(store, mine, { kind: 'schema', id: profile.id }, { status: 'published' })
  await assert.rejects(bind(dataset, profile.uri), isProblem('schema_needs_timestamp'))
  const other = await rebindDataset(places, theirs, dataset.id, { schema_uri: first.uri })
  assert.equal(other, undefined, 'another tenant has no such dataset')
})

/** The next version of a schema, with a rename where something is called otherwise, both published. */
async function versionAfter(
  before: string,
  properties: object,
  rename?: { from: string; pointer: string },
): Promise<string> {
  const uri = `${before}/${Object.keys(properties).join('-')}`
  const publish = async (kind: 'schema' | 'descriptor', wanted: Parameters<typeof createEntity>[3]): Promise<void> => {
    const { id } = await createEntity(store, mine, kind, wanted)
    await patchEntity(store, mine, { kind, id }, { status: 'published' })
  }
  const class_uri = 'https://ns.azothedge.com/pdm/class/interaction-event'
  const definition = JSON.stringify(object(properties))
  await publish('schema', { uri, title: 'Next', class_uri, supersedes: before, definition })
  if (rename === undefined) return uri
  const { pointer, from } = rename
  const about = { schema_uri: uri, kind: 'rename', pointer, definition: JSON.stringify({ from }) }
  await publish('descriptor', { uri: `${uri}/renames`, title: 'Renamed', ...about })
  return uri
}

test('a rename is said by a published descriptor of the new version, and one of a version that was skipped counts as well', async () => {
  const first = await schemaOf({ visitor: { type: 'string' } })
  const second = await versionAfter(first.uri, { person: { type: 'string' } }, { from: '/visitor', pointer: '/person' })
  const third = await versionAfter(second, { human: { type: 'string' } }, { from: '/person', pointer: '/human' })
  const [stepwise, skipping] = [
    await makeDataset(places, mine, 'stepwise', first.uri),
    await makeDataset(places, mine, 'skipping', first.uri),
  ]
  await bind(stepwise, second)
  assert.deepEqual(columnsOf(await tableOf(stepwise)), ['4 timestamp! timestamptz', '5 person string'])
  await bind(stepwise, third)
  await bind(skipping, third)
  for (const dataset of [stepwise, skipping])
    assert.deepEqual(columnsOf(await tableOf(dataset)), ['4 timestamp! timestamptz', '5 human string'])
})

test('a version that supersedes an earlier one keeps the columns of that, whatever a version between has called them', async () => {
  const first = await schemaOf({ visitor: { type: 'string' } })
  const renamed = await versionAfter(first.uri, { human: { type: 'string' } }, { from: '/visitor', pointer: '/human' })
  const moved = await versionAfter(first.uri, { guest: { type: 'string' } }, { from: '/visitor', pointer: '/guest' })
  const beside = await versionAfter(first.uri, { visitor: { type: 'string' }, more: { type: 'string' } })
  for (const [slug, gone] of [
    ['back-first', [renamed, first.uri]],
    ['beside', [renamed]],
  ] as const) {
    const dataset = await makeDataset(places, mine, slug, first.uri)
    for (const uri of gone) await bind(dataset, uri)
    assert.equal(columnsOf(await tableOf(dataset))[1], '5 human string')
    await bind(dataset, beside)
    assert.deepEqual(columnsOf(await tableOf(dataset)).slice(1), ['5 visitor string', '6 more string'])
    await bind(dataset, moved)
    assert.deepEqual(columnsOf(await tableOf(dataset)).slice(1), ['5 guest string', '6 more string'])
  }
})

test('what is said of a place is in the new columns’ docs', async () => {
  const first = await schemaOf({ a: { type: 'string' } })
  const second = await schemaOf({ a: { type: 'string' }, mail: { type: 'string', description: 'Where to write.' } })
  const about = { schema_uri: second.uri, kind: 'label', pointer: '/mail', definition: '{"labels":["pii"]}' }
  const label = await createEntity(store, mine, 'descriptor', {
    uri: `${second.uri}/label`,
    title: 'Personal',
    ...about,
  })
  await patchEntity(store, mine, { kind: 'descriptor', id: label.id }, { status: 'published' })
  const dataset = await makeDataset(places, mine, 'labelled', first.uri)
  await bind(dataset, second.uri)
  const mail = (await tableOf(dataset)).schema.fields.find(({ name }) => name === 'mail')
  assert.match(mail?.doc ?? '', /Where to write\..*pii/s)
})

test('going back to an earlier version changes no column, and its map is the one that it had', async () => {
  const [first, second] = [
    await schemaOf({ a: { type: 'integer', format: 'int32' } }),
    await schemaOf({ a: { type: 'integer' }, b: { type: 'string' } }),
  ]
  const dataset = await makeDataset(places, mine, 'back', first.uri)
  await bind(dataset, second.uri)
  const location = (await tableOf(dataset)).metadataLocation
  const bound = await bind(dataset, first.uri)
  assert.equal(bound?.schema_id, first.id)
  assert.equal((await tableOf(dataset)).metadataLocation, location)
  assert.equal((await admin('SELECT 1 FROM dataset_bindings WHERE dataset_id = $1', [dataset.id])).length, 2)
  assert.deepEqual(await openIntents(), [])
})

test('a version with the same columns needs no new table', async () => {
  const [first, second] = [
    await schemaOf({ a: { type: 'string' } }),
    await schemaOf({ a: { type: 'string', maxLength: 5 } }),
  ]
  const dataset = await makeDataset(places, mine, 'same', first.uri)
  const location = (await tableOf(dataset)).metadataLocation
  assert.equal((await bind(dataset, second.uri))?.schema_id, second.id)
  assert.equal((await tableOf(dataset)).metadataLocation, location)
})

test('a table that moves while its columns change is taken up again, and the attempts leave no file behind', async () => {
  const [first, second] = [
    await schemaOf({ a: { type: 'string' } }),
    await schemaOf({ a: { type: 'string' }, b: { type: 'string' } }),
  ]
  const dataset = await makeDataset(places, mine, 'moves', first.uri)
  const before = await tableOf(dataset)
  let moves = 0
  const moving: ObjectStore = {
    ...objects,
    async put(location, body) {
      await objects.put(location, body)
      if (moves === 3) return
      moves += 1
      const now = await tableOf(dataset)
      const copy = `${now.location}/metadata/0000${moves}-foreign-${moves}.metadata.json`
      await objects.put(copy, await objects.get(now.metadataLocation))
      await admin('UPDATE iceberg_catalog.iceberg_tables SET metadata_location = $1 WHERE table_name = $2', [
        copy,
        'moves',
      ])
    },
  }
  await bind(dataset, second.uri, { objects: moving })
  const table = await tableOf(dataset)
  assert.deepEqual([moves, columnsOf(table).at(-1)], [3, '6 b string'])
  const expired = await admin<{ location: string }>(
    "SELECT location FROM expired_files WHERE location LIKE '%/moves-%'",
  )
  const files: string[] = []
  for await (const { location } of objects.list(`${table.location}/metadata/`)) files.push(location)
  const ours = files.filter((location) => !location.includes('foreign') && location !== before.metadataLocation)
  assert.deepEqual(ours.toSorted(), [...expired.map(({ location }) => location), table.metadataLocation].toSorted())
  assert.equal(expired.length, 3)
})

test('a lake that cannot be written changes nothing and leaves its intent to the sweeper', async () => {
  const [first, second] = [await schemaOf({ a: { type: 'string' } }), await schemaOf({ b: { type: 'string' } })]
  const dataset = await makeDataset(places, mine, 'full', first.uri)
  const full: ObjectStore = { ...objects, put: () => Promise.reject(new Error('no space left')) }
  await assert.rejects(bind(dataset, second.uri, { objects: full }), isProblem('dependency_away'))
  const [row] = await admin<{ schema_id: string }>('SELECT schema_id FROM pdm_datasets WHERE id = $1', [dataset.id])
  assert.equal(row?.schema_id, first.id)
  assert.deepEqual(await openIntents(), [])
})

test('of two who bind at once to different versions, both are bound one after the other and no column is lost', async () => {
  const first = await schemaOf({ a: { type: 'string' } })
  const others = await Promise.all(
    ['b', 'c', 'd'].map((name) => schemaOf({ a: { type: 'string' }, [name]: { type: 'string' } })),
  )
  const dataset = await makeDataset(places, mine, 'both', first.uri)
  const bound = await Promise.all(others.map(({ uri }) => bind(dataset, uri)))
  assert.deepEqual(bound.map((one) => one?.schema_uri).toSorted(), others.map(({ uri }) => uri).toSorted())
  const columns = columnsOf(await tableOf(dataset))
  assert.deepEqual(columns.map((text) => text.split(' ')[1]).toSorted(), ['a', 'b', 'c', 'd', 'timestamp!'])
  assert.equal(new Set(columns.map((text) => text.split(' ')[0])).size, 5)
})

test('whoever says which state he means changes no other', async () => {
  const [first, second] = [
    await schemaOf({ a: { type: 'string' } }),
    await schemaOf({ a: { type: 'string' }, b: { type: 'string' } }),
  ]
  const dataset = await makeDataset(places, mine, 'conditions', first.uri)
  const before = await tableOf(dataset)
  const refuse = (): never => {
    throw new Problem('conflict', 'Not what was meant.')
  }
  await assert.rejects(
    rebindDataset(places, mine, dataset.id, { schema_uri: second.uri }, refuse),
    isProblem('conflict'),
  )
  assert.equal((await tableOf(dataset)).metadataLocation, before.metadataLocation)
  assert.deepEqual(await openIntents(), [])
})

test('where the answer of the commit is lost, who asked learns what became of it', async () => {
  const [first, second] = [
    await schemaOf({ a: { type: 'string' } }),
    await schemaOf({ a: { type: 'string' }, b: { type: 'string' } }),
  ]
  for (const isCommitted of [true, false]) {
    const dataset = await makeDataset(places, mine, `lost-answer-${String(isCommitted)}`, first.uri)
    let calls = 0
    const losing: Store = {
      ...store,
      async asTenant(tenantId, act, options) {
        // Reading, intent, then the transaction that counts.
        const isLost = (calls += 1) === 3
        const answer = isLost && !isCommitted ? undefined : await store.asTenant(tenantId, act, options)
        if (isLost) throw new CommitUnknown('lost on purpose')
        return answer as never
      },
    }
    const asked = bind(dataset, second.uri, { store: losing })
    if (isCommitted) assert.equal((await asked)?.schema_id, second.id)
    else await assert.rejects(asked, isProblem('dependency_away'))
    assert.equal(columnsOf(await tableOf(dataset)).length, isCommitted ? 3 : 2)
    assert.deepEqual(await openIntents(), [])
  }
})

test('a schema that is archived while a dataset is bound to it is bound to nothing', async () => {
  const [first, second] = [await schemaOf({ a: { type: 'string' } }), await schemaOf({ b: { type: 'string' } })]
  const dataset = await makeDataset(places, mine, 'archived-meanwhile', first.uri)
  const archiving: ObjectStore = {
    ...objects,
    async put(location, body) {
      await objects.put(location, body)
      await patchEntity(store, mine, { kind: 'schema', id: second.id }, { status: 'archived' })
    },
  }
  await assert.rejects(bind(dataset, second.uri, { objects: archiving }), isProblem('schema_not_published'))
  const [row] = await admin<{ schema_id: string }>('SELECT schema_id FROM pdm_datasets WHERE id = $1', [dataset.id])
  assert.equal(row?.schema_id, first.id)
  assert.deepEqual(columnsOf(await tableOf(dataset)), ['4 timestamp! timestamptz', '5 a string'])
  assert.deepEqual(await openIntents(), [])
})

test('metadata files that fall off the log stay as long as readers were promised', async () => {
  const properties: Record<string, object> = {}
  const dataset = await makeDataset(places, mine, 'long-lived', (await schemaOf(properties)).uri)
  const { metadataLocation } = await tableOf(dataset)
  const left = () =>
    admin<{ seconds: number }>(
      `SELECT extract(epoch FROM not_before - clock_timestamp())::int AS seconds FROM expired_files WHERE location = $1`,
      [metadataLocation],
    )
  for (let version = 0; (await left()).length === 0; version += 1) {
    assert.ok(version < 200, 'the first file never left the log')
    properties[`more${version}`] = { type: 'string' }
    await bind(dataset, (await schemaOf(properties)).uri)
  }
  const [{ seconds } = { seconds: 0 }] = await left()
  assert.ok(seconds > GRACE_SECONDS - 60 && seconds <= GRACE_SECONDS, String(seconds))
})

test('an intent that the sweeper has condemned meanwhile binds nothing', async () => {
  const [first, second] = [await schemaOf({ a: { type: 'string' } }), await schemaOf({ b: { type: 'string' } })]
  const dataset = await makeDataset(places, mine, 'slow', first.uri)
  const slow: ObjectStore = {
    ...objects,
    async put(location, body) {
      await objects.put(location, body)
      await admin('UPDATE flush_intents SET condemned_at = now() WHERE condemned_at IS NULL')
    },
  }
  await assert.rejects(bind(dataset, second.uri, { objects: slow }), isProblem('dependency_away'))
  assert.deepEqual(columnsOf(await tableOf(dataset)), ['4 timestamp! timestamptz', '5 a string'])
})
