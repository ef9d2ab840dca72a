import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { assessImpact } from '../../src/impact/index.ts'
import { rebuilder, type Writing } from '../../src/impact/rebuild.ts'
import type { Schema } from '../../src/lake/index.ts'
import { compose } from '../../src/pdm/index.ts'
import { openPreview, type Preview } from '../../src/preview/index.ts'
import { archiveEntity, createEntity, openBindings } from '../../src/registry/index.ts'
import { at, openCarriage, recordOf, type Carriage, type Place } from '../kit/carriage.ts'
import { EVERY_TYPE, everyTypeAt } from '../kit/every-type.ts'
import { isProblem, makeSchema } from '../kit/registry.ts'
import { until } from '../kit/until.ts'

const CLASS = 'https://ns.azothedge.com/pdm/class/interaction-event'
const closing: (() => unknown)[] = []
const owner = { after: (close: () => unknown) => void closing.unshift(close) }
let carriage: Carriage
let preview: Preview
let ingest: Awaited<ReturnType<Carriage['start']>>
after(async () => {
  for (const close of closing) await close()
})
before(async () => {
  carriage = await openCarriage(owner)
  const bindings = openBindings(carriage.store, { maxAgeMs: 2_000 })
  preview = openPreview({ store: carriage.store, objects: carriage.objects, bindings })
  owner.after(() => preview[Symbol.asyncDispose]())
  ingest = await carriage.start()
})

/** Sends records and waits until all of them are rows or dead letters. */
async function settle(place: Place, records: ReturnType<typeof recordOf>[]): Promise<void> {
  const { appended, deadLettered } = ingest.tally
  carriage.log.append(place.topic, 0, records)
  await until(
    'all records settled',
    () => ingest.tally.appended + ingest.tally.deadLettered === appended + deadLettered + records.length,
  )
}

const assess = (
  place: Place,
  schemaId: string,
  last = 1_000,
  more: { budgetMs?: number; preview?: Pick<Preview, 'sample'> } = {},
) =>
  assessImpact(
    {
      store: carriage.store,
      objects: carriage.objects,
      preview,
      limits: { maxEventBytes: 1 << 20, maxDepth: 64 },
      ...more,
    },
    place.tenantId,
    { schemaId, dataset: place.dataset.slug, last },
  )

/** A schema that nobody has published. */
const draft = (place: Place, definition: object): Promise<{ id: string }> =>
  createEntity(carriage.store, place.tenantId, 'schema', {
    uri: `https://test.example/draft/${Math.floor(performance.now() * 1e6)}`,
    title: 'Draft',
    class_uri: CLASS,
    definition: JSON.stringify(definition),
  })

test('rows of every type, read back from the lake, pass under the version that let them in', async () => {
  const place = await carriage.place({ definition: EVERY_TYPE })
  await settle(
    place,
    Array.from({ length: 120 }, (_, n) => recordOf(place, everyTypeAt(n, true))),
  )
  const same = await assess(place, place.dataset.schemaId)
  assert.deepEqual(same?.examples, [])
  assert.deepEqual(same?.rows, { sampled: 120, passed: 120, failed: 0, unsure: 0 })
  assert.deepEqual(
    [same?.breaking, Object.values(same?.columns ?? {}).flat(), same?.complete],
    [[], [], true],
    'the version that is bound changes nothing',
  )
  // The surplus of every seventh event is what a closed version would refuse.
  const closed = await draft(place, { ...EVERY_TYPE, additionalProperties: false })
  const impact = await assess(place, closed.id)
  const surplus = Array.from({ length: 120 }, (_, n) => everyTypeAt(n, true)).filter((data) => 'surplus' in data).length
  assert.deepEqual(impact?.rows, { sampled: 120, passed: 120 - surplus, failed: surplus, unsure: 0 })
  assert.deepEqual(impact?.examples[0]?.errors, [
    { pointer: '/data/surplus', keyword: 'additionalProperties', message: 'the schema does not have "surplus"' },
  ])
  assert.equal(impact?.examples.length, 2, 'two of a kind tell as much as all')
})

test('rows and dead letters that would pass and fail are counted, the columns that change are named, and nothing is changed', async () => {
  const definition = {
    type: 'object',
    properties: { n: { type: 'integer', format: 'int32' }, name: { type: 'string' }, old: { type: 'string' } },
    required: ['n'],
  }
  const place = await carriage.place({ definition })
  await settle(place, [
    ...Array.from({ length: 20 }, (_, n) => recordOf(place, { timestamp: at(1), n, name: 'x'.repeat(n), old: 'o' })),
    // Unconvertible: what the column of now does not hold, that of the next version will.
    recordOf(place, { timestamp: at(2), n: 2 ** 40, name: 'large' }),
    recordOf(place, { timestamp: at(2), n: 'no number at all' }),
  ])
  const before = await carriage.pg.sql('admin').query('SELECT metadata_location FROM iceberg_catalog.iceberg_tables')
  const next = await draft(place, {
    type: 'object',
    properties: {
      n: { type: 'integer' },
      name: { type: 'string', maxLength: 9 },
      old: { type: 'string' },
      more: { type: 'string' },
    },
  })
  const impact = await assess(place, next.id)
  assert.deepEqual(impact?.rows, { sampled: 20, passed: 10, failed: 10, unsure: 0 })
  assert.deepEqual(impact?.dead_letters, { sampled: 2, passed: 1, failed: 1 })
  assert.deepEqual([impact?.sampled, impact?.passed, impact?.failed], [22, 11, 11])
  assert.deepEqual(impact?.columns, {
    added: [{ pointer: '/more', field_id: 8, type: 'string' }],
    widened: [{ pointer: '/n', field_id: 5, from: 'int', to: 'long' }],
    renamed: [],
    dropped: [],
    relaxed: [{ pointer: '/n', field_id: 5 }],
  })
  assert.deepEqual(
    impact?.examples.map(({ of, errors }) => [of, errors[0]?.pointer, errors[0]?.keyword]),
    [
      ['row', '/data/name', 'maxLength'],
      ['row', '/data/name', 'maxLength'],
      ['dead_letter', '/data/n', 'type'],
    ],
  )
  await carriage.pg
    .sql('admin')
    .query('UPDATE dead_letters SET replayed_at = now() WHERE tenant_id = $1 AND error NOT LIKE $2', [
      place.tenantId,
      '%no number%',
    ])
  const again = await assess(place, next.id)
  assert.deepEqual(again?.dead_letters.sampled, 1, 'a letter that was sent again is no sample')
  const worse = await makeSchema(carriage, place.tenantId, { type: 'object', properties: { n: { type: 'string' } } })
  const breaking = await assess(place, worse.id, 5)
  assert.deepEqual(breaking?.breaking, [{ pointer: '/n', reason: 'the column holds int, which cannot become string' }])
  assert.deepEqual(breaking?.rows, { sampled: 5, passed: 0, failed: 5, unsure: 0 })
  assert.deepEqual(
    await carriage.pg.sql('admin').query('SELECT metadata_location FROM iceberg_catalog.iceberg_tables'),
    before,
  )
})

test('examples say why and quote nothing of what was sent', async () => {
  const definition = { type: 'object', properties: { n: { type: 'integer' } } }
  const place = await carriage.place({ definition })
  const data = (n: string) => `{"dataset":"events","data":{"timestamp":"${at(1)}","n":${n}}}`
  const secret = '4917012345678901234567'
  await settle(place, [
    recordOf(place, {}, { value: data(secret) }),
    recordOf(place, {}, { value: `${data('1').slice(0, -1)},${secret}}` }),
  ])
  const impact = await assess(place, place.dataset.schemaId)
  assert.deepEqual(impact?.dead_letters, { sampled: 2, passed: 0, failed: 2 })
  assert.deepEqual(impact?.examples.flatMap(({ errors }) => errors.map(({ message }) => message)).toSorted(), [
    'a number that its column would not hold as it was written',
    'cannot be read as an event',
  ])
})

test('when time is up, what was judged is answered, and that it is not all', async () => {
  const place = await carriage.place()
  await settle(
    place,
    Array.from({ length: 10 }, (_, n) => recordOf(place, { timestamp: at(1), n })),
  )
  const impact = await assess(place, place.dataset.schemaId, 1_000, { budgetMs: -1 })
  assert.deepEqual([impact?.sampled, impact?.complete], [0, false])
})

test('rows that are read once more, because a file went meanwhile, count once, and waiting in line is no judging', async () => {
  const place = await carriage.place()
  await settle(
    place,
    Array.from({ length: 10 }, (_, n) => recordOf(place, { timestamp: at(1), n })),
  )
  const budgetMs = 1_000
  const twice: Pick<Preview, 'sample'> = {
    async sample(question) {
      await preview.sample(question)
      await delay(budgetMs + 100)
      return preview.sample(question)
    },
  }
  const closed = await draft(place, { type: 'object' })
  const impact = await assess(place, closed.id, 1_000, { budgetMs, preview: twice })
  assert.deepEqual(impact?.rows, { sampled: 10, passed: 0, failed: 10, unsure: 0 })
  assert.deepEqual([impact?.complete, impact?.examples.length], [true, 2])
})

test('an archived schema, which nothing can be bound to, is not judged', async () => {
  const place = await carriage.place()
  const { id } = await draft(place, { type: 'object' })
  await archiveEntity(carriage.store, place.tenantId, { kind: 'schema', id })
  await assert.rejects(assess(place, id), isProblem('schema_not_published'))
})

test('a schema and a dataset that are not there are told apart, and a stranger’s are not there', async () => {
  const [place, other] = [await carriage.place(), await carriage.place()]
  assert.equal(await assess(place, other.dataset.schemaId), undefined)
  assert.equal(await assess(place, 'no uuid'), undefined)
  const missing = { ...place, dataset: { ...place.dataset, slug: 'none' } }
  await assert.rejects(assess(missing, place.dataset.schemaId), isProblem('unknown_dataset'))
  const theirs = { ...place, dataset: { ...place.dataset, slug: other.dataset.id } }
  await assert.rejects(assess(theirs, place.dataset.schemaId), isProblem('unknown_dataset'))
  const empty = await assess(place, place.dataset.schemaId)
  assert.deepEqual([empty?.sampled, empty?.complete, empty?.examples], [0, true, []])
})

test('a row becomes the event that it was: digits, nulls, names and what the schema does not name', async () => {
  const definition = {
    type: 'object',
    additionalProperties: true,
    required: ['must'],
    properties: {
      must: { type: ['string', 'null'] },
      may: { type: ['string', 'null'] },
      big: { type: 'integer' },
      free: {},
      price: { type: 'string', format: 'decimal', precision: 6, scale: 2 },
      list: { type: 'array', items: { type: ['integer', 'null'] } },
      map: { type: 'object', additionalProperties: { type: ['number', 'null'] } },
      deep: { type: 'object', properties: { a: { type: 'string' }, b: { type: 'string' } } },
    },
  }
  const place = await carriage.place({ definition })
  const exact =
    '{"timestamp":"2026-03-01T01:02:03.000000Z","must":null,"big":9223372036854775807,"free":{"x":[1,null]},"price":"12.30","list":[1,null],"map":{"k \\"q\\"":null},"deep":{"b":"x"},"surplus":{"n":18014398509481985}}'
  await settle(place, [recordOf(place, {}, { value: `{"dataset":"events","data":${exact}}` })])
  const schema = compose({
    definition,
    class: {
      uri: CLASS,
      definition: {
        type: 'object',
        properties: { timestamp: { type: 'string', format: 'date-time' } },
        required: ['timestamp'],
      },
    },
    fieldGroups: [],
    resolve: () => undefined,
  })
  const [row] = await carriage.pg
    .sql('admin')
    .query<{ shape: never }>('SELECT shape FROM dataset_bindings WHERE dataset_id = $1', [place.dataset.id])
  const rebuilt = async (writing: Writing): Promise<unknown> => {
    const each = (table: Schema) => rebuilder(table, row!.shape, schema.schema, writing)
    const [text] = await preview.sample({ tenantId: place.tenantId, dataset: 'events', last: 1, each })
    return text
  }
  assert.equal(await rebuilt('sparse'), exact)
  const full = exact.replace('03.000000Z', '03Z').replace('12.30', '12.3').replace('"big"', '"may":null,"big"')
  assert.equal(await rebuilt('full'), full)
})

test('rows that might fare otherwise, by what the lake does not tell, are counted and shown apart', async () => {
  const properties = {
    may: { type: ['string', 'null'] },
    any: {},
    when: { type: 'string', format: 'date-time' },
    daily: { type: 'string', format: 'time' },
    who: { type: 'string', format: 'uuid' },
    price: { type: 'string', format: 'decimal', precision: 6, scale: 2 },
  }
  const place = await carriage.place({ definition: { type: 'object', properties } })
  const who = '0193a5b1-c2d3-4e4f-8a9b-0c1d2e3f4a5b'
  const data = [
    { may: null, any: 1 },
    { may: 'x', when: '2026-01-01T00:00:00Z', daily: '10:00:00', who, price: '1.5' },
    { may: 'x', when: '2026-01-01T00:00:00.25Z', daily: '10:00:00.25', who, price: '1.25' },
  ]
  await settle(
    place,
    data.map((one) => recordOf(place, { timestamp: at(1), ...one })),
  )
  /** Failed and unsure, of the three rows, where the properties say more. */
  const faring = async (more: object, top: object = {}): Promise<number[]> => {
    const { id } = await draft(place, { type: 'object', properties: { ...properties, ...more }, ...top })
    const impact = await assess(place, id)
    const { sampled, failed, unsure } = impact?.rows ?? {}
    assert.equal(sampled, data.length)
    assert.equal(impact?.examples.filter((one) => one.unsure === true).length, Math.min(2, Number(unsure)))
    return [Number(failed), Number(unsure)]
  }
  assert.deepEqual(await faring({}), [0, 0])
  assert.deepEqual(await faring({ may: { type: 'string' } }), [0, 1], 'it was null, or absent')
  assert.deepEqual(await faring({}, { required: ['timestamp', 'any'] }), [2, 2], 'these were absent, or null')
  assert.deepEqual(await faring({ when: { ...properties.when, maxLength: 20 } }), [2, 1])
  assert.deepEqual(await faring({ daily: { ...properties.daily, pattern: '^..:..:..$' } }), [2, 1])
  assert.deepEqual(await faring({ who: { ...properties.who, pattern: '^[0-9a-f-]+$' } }), [0, 2])
  assert.deepEqual(await faring({ price: { ...properties.price, enum: ['1.5', '1.25'] } }), [1, 1])
})
