import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { uuidv7 } from '../../src/event/index.ts'
import { at, assertBalanced, openCarriage, recordOf } from '../kit/carriage.ts'
import { until } from '../kit/until.ts'

/**
 * The other plane: whoever can write to the topic of one tenant (a foreign producer with the rights for it) reaches no table, no
 * ledger and no dead letter of another, whatever the record says of itself. A record's tenant is its topic's.
 */
const carriage = await openCarriage({ after })

test('a record that names another tenant’s dataset, schema or source stays with the tenant of its topic', async () => {
  const [mine, theirs] = [await carriage.place(), await carriage.place()]
  const taken = uuidv7()
  carriage.log.append(theirs.topic, 0, [recordOf(theirs, { timestamp: at(1), n: 1 }, { id: taken })])
  const value = JSON.stringify({ dataset: 'events', event_id: taken, data: { timestamp: at(1), n: 666 } })
  const attacks = [
    { 'pulse-dataset': theirs.dataset.id },
    { 'pulse-dataset': theirs.dataset.id, 'pulse-schema': theirs.dataset.schemaId },
    { 'pulse-dataset': theirs.dataset.slug },
    { 'pulse-dataset': `${theirs.dataset.namespace}.events` },
    { 'pulse-dataset': theirs.dataset.id.toUpperCase() },
    { 'pulse-dataset': `${mine.dataset.id}' OR true --` },
    { 'pulse-source': `${theirs.topic}/0/0`, 'pulse-dataset': theirs.dataset.id },
    { 'x-tenant-id': theirs.tenantId, 'pulse-tenant': theirs.tenantId, 'pulse-dataset': theirs.dataset.id },
  ]
  for (const headers of attacks) {
    const id = uuidv7()
    carriage.log.append(mine.topic, 0, [
      recordOf(mine, { timestamp: at(1), n: 666 }, { id, headers, value: value.replace(taken, id) }),
    ])
  }
  // The id of a row of theirs is free in a dataset of mine: the ledger is asked for the tenant that it is of.
  carriage.log.append(mine.topic, 0, [recordOf(mine, { timestamp: at(1), n: 2 }, { id: taken })])
  const ingest = await carriage.start()
  await until('all of it to be settled', () => ingest.tally.appended + ingest.tally.deadLettered >= attacks.length + 2)
  assertBalanced(ingest)
  assert.deepEqual(
    (await carriage.rows(theirs)).map((row) => Number(row['n'])),
    [1],
  )
  assert.deepEqual(await carriage.letters(theirs), [])
  const letters = await carriage.letters(mine)
  const own = await carriage.rows(mine)
  assert.equal(letters.length + own.length, attacks.length + 1)
  // What names no dataset of this tenant is its own dead letter, or its own row where the body does.
  assert.ok(letters.length >= 2 && letters.every((letter) => letter['topic'] === mine.topic))
  assert.ok(own.some((row) => Number(row['n']) === 2))
  const admin = carriage.pg.sql('admin')
  const [counted] = await admin.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM processed_event_ids WHERE tenant_id = $1',
    [theirs.tenantId],
  )
  assert.equal(counted?.n, 1)
})
