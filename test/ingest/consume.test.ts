import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uuidv7 } from '../../src/event/index.ts'
import { assertBalanced, at, openCarriage, recordOf } from '../kit/carriage.ts'
import type { LogRecord } from '../kit/memory-log.ts'
import { until } from '../kit/until.ts'

test('what cannot be resolved becomes a dead letter with its reason, whole, and harms no neighbour', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const other = await carriage.place()
  const good = recordOf(place, { timestamp: at(1), n: 1 })
  const usual = good.headers as Record<string, string>
  const { 'pulse-dataset': _, ...nameless } = usual
  const unknown = uuidv7()
  const cases: ReadonlyArray<readonly [LogRecord, string, RegExp]> = [
    [{ ...good, headers: nameless }, 'malformed', /no pulse-dataset header/],
    [{ ...good, headers: { ...usual, 'pulse-dataset': 'events' } }, 'malformed', /not a dataset id/],
    [{ ...good, headers: { ...usual, 'pulse-dataset': unknown } }, 'unknown_dataset', new RegExp(unknown)],
    [{ ...good, headers: { ...usual, 'pulse-dataset': other.dataset.id } }, 'unknown_dataset', /has no dataset/],
    [{ ...good, key: 'not-an-id' }, 'malformed', /key is not a UUID/],
    [{ ...good, key: null }, 'malformed', /key is not a UUID/],
    [{ ...good, value: null }, 'malformed', /has no value/],
    [{ ...good, value: '' }, 'malformed', /has no value/],
  ]
  carriage.log.append(place.topic, 0, [
    good,
    ...cases.map(([record]) => record),
    recordOf(place, { timestamp: at(2), n: 2 }),
  ])
  const ingest = await carriage.start()
  await until('everything is settled', () => ingest.tally.appended + ingest.tally.deadLettered === cases.length + 2)
  assertBalanced(ingest)
  assert.deepEqual((await carriage.rows(place)).map((row) => Number(row['n'])).sort(), [1, 2])
  const letters = await carriage.letters(place)
  assert.equal(letters.length, cases.length)
  letters.forEach((letter, index) => {
    const [record, reason, error] = cases[index] as (typeof cases)[number]
    assert.equal(letter['offset'], index + 1)
    assert.equal(letter['reason'], reason)
    assert.match(String(letter['error']), error)
    assert.equal(letter['key']?.toString() ?? null, record.key)
    assert.equal(letter['value']?.toString() ?? null, record.value)
    assert.deepEqual(letter['headers'], Object.entries(record.headers ?? {}))
  })
})

test('on a bus that is not trusted every record is judged as the API would judge it', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const judged: ReadonlyArray<readonly [LogRecord, string, string]> = [
    [recordOf(place, {}, { value: 'not json' }), 'malformed', ''],
    [
      recordOf(place, {}, { value: '{"dataset":"events","data":{"timestamp":"2026-03-01T00:00:00Z","n":1,"n":2}}' }),
      'malformed',
      '/data/n',
    ],
    [recordOf(place, { timestamp: at(1), n: 'one' }), 'invalid', '/data/n'],
    [recordOf(place, { timestamp: at(1), n: 1, more: true }), 'invalid', '/data/more'],
    [recordOf(place, { n: 1 }), 'invalid', '/data/timestamp'],
    [
      recordOf(
        place,
        {},
        { value: JSON.stringify({ dataset: 'events', event_id: uuidv7(), data: { timestamp: at(1), n: 1 } }) },
      ),
      'invalid',
      '/event_id',
    ],
    [recordOf(place, { timestamp: at(1), n: 1, name: 'x'.repeat(2 << 20) }), 'too_large', ''],
  ]
  carriage.log.append(place.topic, 0, [
    ...judged.map(([record]) => record),
    recordOf(place, { timestamp: at(1), n: 7 }),
  ])
  const ingest = await carriage.start({ limits: { busTrusted: false } })
  await until('everything is settled', () => ingest.tally.appended + ingest.tally.deadLettered === judged.length + 1)
  assertBalanced(ingest)
  assert.deepEqual(
    (await carriage.rows(place)).map((row) => Number(row['n'])),
    [7],
  )
  const letters = await carriage.letters(place)
  assert.deepEqual(
    letters.map((letter) => letter['reason']),
    judged.map(([, reason]) => reason),
  )
  for (const letter of letters) assert.equal(letter['dataset_id'], place.dataset.id)
  letters.forEach((letter, index) => {
    const pointer = judged[index]?.[2] ?? ''
    assert.ok(
      String(letter['pointer']).startsWith(pointer) || pointer === '/data/timestamp',
      `${String(letter['pointer'])} for case ${index}`,
    )
  })
})

test('a record that names a version that was never bound is judged by the current one, even on a trusted bus', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const never = { 'pulse-schema': uuidv7() }
  carriage.log.append(place.topic, 0, [
    recordOf(place, { timestamp: at(1), n: 1 }, { headers: never }),
    recordOf(place, { timestamp: at(1), n: 'x' }, { headers: never }),
    recordOf(place, { timestamp: at(1), n: 2 }, { headers: { 'pulse-schema': '' } }),
  ])
  const ingest = await carriage.start()
  await until('everything is settled', () => ingest.tally.appended === 2 && ingest.tally.deadLettered === 1)
  const [letter] = await carriage.letters(place)
  assert.equal(letter?.['reason'], 'invalid')
})

test("what a schema that is open does not name is kept in _extra, in the client's own digits", async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place({
    definition: {
      type: 'object',
      properties: { timestamp: { type: 'string', format: 'date-time' }, n: { type: 'integer' } },
      required: ['timestamp'],
      additionalProperties: true,
    },
  })
  const data = (rest: string): string => `{"dataset":"events","data":{"timestamp":"${at(1)}","n":1${rest}}}`
  carriage.log.append(place.topic, 0, [
    recordOf(place, {}, { value: data(',"big":123456789012345678901234567890,"q":"a\\"b"') }),
    recordOf(place, {}, { value: data('') }),
  ])
  const ingest = await carriage.start()
  await until('two rows', () => ingest.tally.appended === 2)
  const extras = (await carriage.rows(place)).map((row) => row['_extra']).sort((a) => (a === null ? 1 : -1))
  assert.deepEqual(extras, ['{"big":123456789012345678901234567890,"q":"a\\"b"}', null])
})

test("a missing or unusable time of receipt is replaced by the bus's own, and everything else stays", async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  carriage.log.append(place.topic, 0, [
    recordOf(place, { timestamp: at(1), n: 1 }, { headers: { 'pulse-received-at': 'yesterday", "x": "' } }),
    recordOf(place, {}, { value: `{"dataset":"events",\n "data":{"timestamp":"${at(1)}",\n"n":2}}` }),
  ])
  const ingest = await carriage.start()
  await until('two rows', () => ingest.tally.appended === 2)
  const rows = (await carriage.rows(place)).sort((a, b) => Number(a['n']) - Number(b['n']))
  assert.match(String(rows[0]?.['_received_at']), /2026-01-01 00:00:00/)
  assert.equal(Number(rows[1]?.['n']), 2)
})

test('a record that does not say when it was received takes the bus’s time, also as the first that is read', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const silent = recordOf(place, { timestamp: at(1), n: 1 })
  const { 'pulse-received-at': _, ...headers } = silent.headers as Record<string, string>
  carriage.log.append(place.topic, 0, [
    { ...silent, headers },
    recordOf(place, { timestamp: at(2), n: 2 }),
    { ...recordOf(place, { timestamp: at(3), n: 3 }), headers },
  ])
  const ingest = await carriage.start()
  await until('all are settled', () => ingest.tally.appended + ingest.tally.deadLettered === 3)
  assert.equal(ingest.tally.deadLettered, 0)
  const rows = await carriage.rows(place)
  assert.deepEqual(rows.map((row) => Number(row['n'])).sort(), [1, 2, 3])
  for (const row of rows) assert.match(String(row['_received_at']), /^2\d{3}-\d\d-\d\d /)
})

test('whatever a foreign producer gives as a time, its letter is kept and its tenant goes on', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const times = [
    '2026-02-30T00:00:00Z',
    '2026-01-01T00:00:00+23:59',
    '2026-01-01T00:00:00+16:00',
    '0000-01-01T00:00:00Z',
  ]
  carriage.log.append(place.topic, 0, [
    ...times.flatMap((time) => [
      recordOf(place, { timestamp: at(1), n: 'no number' }, { headers: { 'pulse-received-at': time } }),
      { ...recordOf(place, { timestamp: at(1), n: 1 }, { headers: { 'pulse-received-at': time } }), key: 'no id' },
    ]),
    ...[-1, 1e18, -1e18].map((timestampMs, n) => ({
      ...recordOf(place, { timestamp: at(1), n }, { headers: { 'pulse-received-at': '' } }),
      timestampMs,
    })),
  ])
  const ingest = await carriage.start()
  await until('everything is settled', () => ingest.tally.deadLettered === 8 && ingest.tally.appended === 3)
  assertBalanced(ingest)
  assert.equal((await carriage.letters(place)).length, 8)
  assert.deepEqual(carriage.heard('process.defect'), [])
})

test('a record that cannot be judged for a defect of ours is not left out, and holds up its partition only', async (t) => {
  const carriage = await openCarriage(t)
  const [broken, sound] = [await carriage.place(), await carriage.place()]
  const defects = carriage.heard('process.defect')
  let isBroken = true
  const record = (place: typeof broken, n: number) => recordOf(place, { timestamp: at(1), n })
  carriage.log.append(broken.topic, 0, [record(broken, 0), record(broken, 1), record(broken, 2)])
  const ingest = await carriage.start({
    limits: { busTrusted: false },
    bindings: (real) => ({
      tenant: (id) => real.tenant(id),
      async byId(tenantId, ...given) {
        const binding = await real.byId(tenantId, ...given)
        if (tenantId !== broken.tenantId || binding === undefined) return binding
        const validate: typeof binding.validate = (data, odd) => {
          if (isBroken && (data as { n: number }).n === 1) throw new Error('a defect on purpose')
          return binding.validate(data, odd)
        }
        return { ...binding, validate }
      },
    }),
  })
  await until('it was said', () => defects.some(({ detail }) => detail === 'a defect on purpose'))
  carriage.log.append(sound.topic, 0, [record(sound, 9)])
  await until('the other tenant goes on', async () => (await carriage.rows(sound)).length === 1)
  isBroken = false
  await until('all three', async () => (await carriage.rows(broken)).length === 3)
  assertBalanced(ingest)
})

test('while Postgres cannot say whose a record is, it is neither judged nor skipped', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  carriage.log.append(place.topic, 0, [recordOf(place, { timestamp: at(1), n: 1 })])
  let refusals = 0
  const ingest = await carriage.start({
    bindings: (real) => ({
      tenant: (id) => real.tenant(id),
      async byId(...given) {
        if ((refusals += 1) <= 3) await carriage.store.asSystem(() => Promise.reject(carriage.away()))
        return real.byId(...given)
      },
    }),
  })
  await until('one row', () => ingest.tally.appended === 1)
  assert.equal(refusals, 4)
  assert.equal(ingest.tally.deadLettered, 0)
  assert.equal(ingest.tally.consumed, 1)
  assertBalanced(ingest)
})
