import assert from 'node:assert/strict'
import { test } from 'node:test'
import { STEPS } from '../../chaos/orders.ts'
import { openWorkerGround } from '../kit/worker-ground.ts'
import { until } from '../kit/until.ts'

test('a worker killed at any point of a flush loses nothing and doubles nothing', async (t) => {
  const ground = await openWorkerGround(t)
  const place = await ground.place('killed')
  let sent = 0
  const send = async (count: number): Promise<void> => {
    await ground.publish(
      place,
      Array.from({ length: count }, (_, n) => sent + n),
    )
    sent += count
  }
  for (const point of STEPS) {
    // The second flush, so that there is something settled that must not be read twice.
    const worker = ground.fork({ TEST_KILL_AT: point, TEST_KILL_ON: '2' })
    await worker.ports
    await send(20)
    await until(`rows before ${point}`, async () => (await ground.numbers(place)).length >= sent)
    await send(20)
    assert.equal(await worker.ended, 'SIGKILL', point)
  }
  const last = ground.fork()
  await last.ports
  const numbers = await until('every row', async () => {
    const found = await ground.numbers(place)
    return found.length >= sent ? found : undefined
  })
  assert.deepEqual(
    numbers,
    Array.from({ length: sent }, (_, n) => n),
  )
  last.child.kill('SIGTERM')
  assert.equal(await last.ended, '0')
  const [totals] = await ground.pg
    .sql('admin')
    .query(
      'SELECT sum(records)::int AS records, sum(rows)::int AS rows, sum(duplicates)::int AS duplicates FROM flush_totals',
    )
  assert.deepEqual(totals, { records: sent, rows: sent, duplicates: 0 })
})
