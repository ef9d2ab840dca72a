import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uuidv7 } from '../../src/event/index.ts'
import { assertBalanced, at, openCarriage, recordOf } from '../kit/carriage.ts'
import { until } from '../kit/until.ts'

test('records become rows of their dataset, each with its id, time of receipt and source', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const ids = [uuidv7(), uuidv7(), uuidv7()]
  carriage.log.append(
    place.topic,
    0,
    ids.map((id, n) => recordOf(place, { timestamp: at(n + 1), n, name: `é${n}` }, { id })),
  )
  const ingest = await carriage.start()
  await until('three rows', () => ingest.tally.appended === 3)
  assertBalanced(ingest)
  const rows = (await carriage.rows(place)).sort((a, b) => Number(a['n']) - Number(b['n']))
  assert.deepEqual(
    rows.map((row) => row['_event_id']),
    ids,
  )
  assert.deepEqual(
    rows.map((row) => row['name']),
    ['é0', 'é1', 'é2'],
  )
  assert.deepEqual(
    rows.map((row) => row['_source']),
    [0, 1, 2].map((offset) => `${place.topic}/0/${offset}`),
  )
  assert.match(String(rows[0]?.['_received_at']), /2026-03-04 05:06:07.123456/)
})
