import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { test, type TestContext } from 'node:test'
import { RECORD_HEADERS, uuidv7 } from '../../src/event/index.ts'
import { rebindDataset } from '../../src/registry/index.ts'
import { assertBalanced, at, openCarriage, recordOf, type Carriage, type Place } from '../kit/carriage.ts'
import { makeSchema } from '../kit/registry.ts'
import { chance } from '../kit/seed.ts'
import { until } from '../kit/until.ts'

/** The worker beside a dataset that is bound to other versions: nothing of what is under way is lost, doubled or refused. */

const FIRST = {
  type: 'object',
  properties: { n: { type: 'integer', format: 'int32' }, name: { type: 'string' }, old: { type: 'string' } },
  required: ['n', 'old'],
}
const SECOND = {
  type: 'object',
  properties: { n: { type: 'integer' }, name: { type: 'string' }, more: { type: 'array', items: { type: 'string' } } },
  required: ['n', 'more'],
}
const THIRD = {
  type: 'object',
  additionalProperties: true,
  properties: {
    n: { type: 'integer' },
    title: { type: 'string' },
    deep: { type: 'object', properties: { x: { type: 'number' } } },
  },
}
const LARGE = 2 ** 40

async function bind(
  carriage: Carriage,
  place: Place,
  definition: object,
  rename?: readonly [string, string],
): Promise<string> {
  const schema = await makeSchema(carriage, place.tenantId, definition)
  if (rename !== undefined) {
    await carriage.pg.sql('admin').query(
      `INSERT INTO pdm_entities (id, tenant_id, kind, uri, title, status, definition, schema_uri, descriptor_kind, pointer)
       VALUES (gen_random_uuid(), $1, 'descriptor', $2, 'r', 'published', json_build_object('from', $3::text), $4, 'rename', $5)`,
      [place.tenantId, `${schema.uri}/rename`, rename[0], schema.uri, rename[1]],
    )
  }
  const { store, objects, warehouse } = carriage
  const places = {
    store,
    objects,
    warehouse,
    owner: 'test',
    readerGraceSeconds: 300,
    clock: { now: () => Date.now() },
  }
  const bound = await rebindDataset(places, place.tenantId, place.dataset.id, { schema_uri: schema.uri })
  assert.equal(bound?.schema_id, schema.id)
  return schema.id
}

async function uriOf(carriage: Carriage, schemaId: string): Promise<string> {
  const text = 'SELECT uri FROM pdm_entities WHERE id = $1'
  const [found] = await carriage.pg.sql('admin').query<{ uri: string }>(text, [schemaId])
  return String(found?.uri)
}

const under = (schemaId: string) => ({ headers: { [RECORD_HEADERS.schema]: schemaId } })
const open = async (t: TestContext): Promise<{ carriage: Carriage; place: Place }> => {
  const carriage = await openCarriage(t)
  return { carriage, place: await carriage.place({ definition: FIRST }) }
}

test('a table that gets other columns between a flush’s files and its commit takes them all the same', async (t) => {
  const { carriage, place } = await open(t)
  const committed = carriage.heard('worker.flush.committed')
  const failed = carriage.heard('worker.flush.failed')
  let times = 0
  const ingest = await carriage.start({
    point: async (name) => {
      if (name !== 'flush.staged' || times > 0) return
      times += 1
      await bind(carriage, place, SECOND)
    },
  })
  carriage.log.append(place.topic, 0, [recordOf(place, { timestamp: at(1), n: 1, old: 'o' })])
  await until('the row', () => ingest.tally.appended === 1)
  assertBalanced(ingest)
  const [row] = await carriage.rows(place)
  assert.deepEqual([row?.['n'], row?.['old'], row?.['more']], ['1', 'o', null])
  assert.deepEqual(
    committed.map(({ attempts }) => attempts),
    [2],
    'the table had moved, once',
  )
  assert.deepEqual(failed, [])
})

test('a worker that knows the table of before writes rows of a new version into the columns that came with it', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place({ definition: { ...FIRST, required: [] } })
  const failed = carriage.heard('worker.flush.failed')
  const ingest = await carriage.start()
  carriage.log.append(place.topic, 0, [recordOf(place, { timestamp: at(1), n: 1, old: 'o' })])
  await until('the first flush', () => ingest.tally.appended === 1)
  const second = await bind(carriage, place, SECOND)
  carriage.log.append(place.topic, 0, [recordOf(place, { timestamp: at(1), n: LARGE, more: ['m'] }, under(second))])
  await until('the second flush', () => ingest.tally.appended + ingest.tally.deadLettered === 2)
  assert.deepEqual(await carriage.letters(place), [])
  assert.deepEqual(failed, [], 'it looks for the newer table before it writes')
  const rows = (await carriage.rows(place)).map(({ n, old, more }) => [n, old, more])
  assert.deepEqual(
    rows.toSorted((a, b) => Number(a[0]) - Number(b[0])),
    [
      ['1', 'o', null],
      [String(LARGE), null, ['m']],
    ],
  )
})

test('what was sent before several further versions were bound, and one again, is stored by its own when a worker comes at last', async (t) => {
  const { carriage, place } = await open(t)
  const first = place.dataset.schemaId
  const send = (schemaId: string, data: object): void => {
    carriage.log.append(place.topic, 0, [recordOf(place, { timestamp: at(1), ...data }, under(schemaId))])
  }
  send(first, { n: 1, name: 'one', old: 'o' })
  const second = await bind(carriage, place, SECOND)
  send(second, { n: LARGE, name: 'two', more: ['m'] })
  const third = await bind(carriage, place, THIRD, ['/name', '/title'])
  send(third, { n: 3, title: 'three', deep: { x: 1.5 }, other: true })
  const places = { ...carriage, owner: 'test', readerGraceSeconds: 0, clock: { now: () => Date.now() } }
  const back = await rebindDataset(places, place.tenantId, place.dataset.id, {
    schema_uri: await uriOf(carriage, first),
  })
  assert.equal(back?.schema_id, first)
  send(first, { n: 4, name: 'four', old: 'o' })
  await bind(carriage, place, { ...THIRD, additionalProperties: false })
  const ingest = await carriage.start()
  await until('all of them settled', () => ingest.tally.appended + ingest.tally.deadLettered === 4)
  assert.deepEqual(await carriage.letters(place), [])
  const rows = (await carriage.rows(place)).map(({ n, title, old, more, deep, _extra }) => [
    n,
    title,
    old,
    more,
    deep,
    _extra,
  ])
  assert.deepEqual(
    rows.toSorted((a, b) => Number(a[0]) - Number(b[0])),
    [
      ['1', 'one', 'o', null, null, null],
      ['3', 'three', null, null, { x: 1.5 }, '{"other":true}'],
      ['4', 'four', 'o', null, null, null],
      [String(LARGE), 'two', null, ['m'], null, null],
    ],
  )
})

test('while events flow, the versions of four bindings under way at once become rows, each by its own map, none lost and none twice', async (t) => {
  const { seed, next, pick } = chance()
  t.diagnostic(`seed ${seed}`)
  const { carriage, place } = await open(t)
  const failed = carriage.heard('worker.flush.failed')
  const ingest = await carriage.start({ limits: { flushSeconds: 0.05, flushRows: 200, leaseSeconds: 30 } })
  const versions: { id: string; data: (n: number) => object; row: (n: number) => unknown[] }[] = [
    {
      id: place.dataset.schemaId,
      data: (n) => ({ n, name: `one ${n}`, old: 'o' }),
      row: (n) => [String(n), `one ${n}`, 'o', null, null, null],
    },
  ]
  const sent = new Map<string, unknown[]>()
  const ids: string[] = []
  let isOver = false
  let records = 0
  const { tally } = ingest
  const settled = (): number => tally.appended + tally.duplicates + tally.deadLettered
  const sending = (async () => {
    for (let n = 0; !isOver;) {
      const batch = Array.from({ length: 40 }, () => {
        const { id: schemaId, data, row } = pick(versions)
        // One in ten comes again: an id that is known is no second row, whatever version it names.
        if (ids.length > 0 && next() < 0.1)
          return recordOf(place, { timestamp: at(1), ...data(n) }, { id: pick(ids), ...under(schemaId) })
        n += 1
        const id = uuidv7()
        ids.push(id)
        sent.set(id, row(n))
        return recordOf(place, { timestamp: at((n % 3) + 1), ...data(n) }, { id, ...under(schemaId) })
      })
      records += batch.length
      carriage.log.append(place.topic, 0, batch)
      await delay(5)
      // On a slow machine what is under way does not grow without end.
      await until('some room', () => records - settled() < 2_000, 60_000, 5)
    }
  })()
  const flowed = async (): Promise<void> => {
    const from = ingest.tally.appended
    await until('more rows', () => ingest.tally.appended > from + 300, 60_000)
  }
  await flowed()
  versions.push({
    id: await bind(carriage, place, SECOND),
    data: (n) => ({ n: LARGE + n, name: `two ${n}`, more: ['m'] }),
    row: (n) => [String(LARGE + n), `two ${n}`, null, ['m'], null, null],
  })
  await flowed()
  versions.push({
    id: await bind(carriage, place, THIRD, ['/name', '/title']),
    data: (n) => ({ n: LARGE + n, title: `three ${n}`, deep: { x: n }, other: n }),
    row: (n) => [String(LARGE + n), `three ${n}`, null, null, { x: n }, `{"other":${n}}`],
  })
  await flowed()
  versions.push({
    id: await bind(carriage, place, { ...THIRD, additionalProperties: false }),
    data: (n) => ({ n: LARGE + n, title: `four ${n}` }),
    row: (n) => [String(LARGE + n), `four ${n}`, null, null, null, null],
  })
  await flowed()
  isOver = true
  await sending
  await until('everything settled', () => settled() >= records, 60_000)
  assertBalanced(ingest)
  assert.deepEqual(await carriage.letters(place), [])
  assert.deepEqual(failed, [])
  const rows = await carriage.rows(place)
  assert.equal(rows.length, sent.size)
  const stored = new Map(
    rows.map(({ _event_id, n, title, old, more, deep, _extra }) => [_event_id, [n, title, old, more, deep, _extra]]),
  )
  assert.deepEqual(stored, sent)
})
