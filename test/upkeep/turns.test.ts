import assert from 'node:assert/strict'
import { test } from 'node:test'
import { takeTurn } from '../../src/upkeep/turns.ts'
import { openGround } from '../kit/ground.ts'

test('of many workers that ask at once one gets the turn, and the next one after the interval', async (t) => {
  const { store, admin } = await openGround(t)
  const ask = async (): Promise<number> =>
    (await Promise.all(Array.from({ length: 6 }, () => takeTurn(store, 'sweep', 60)))).filter(Boolean).length
  assert.equal(await ask(), 1)
  assert.equal(await ask(), 0)
  assert.equal(await takeTurn(store, 'expire', 60), true, 'another task has turns of its own')
  await admin.query(`UPDATE upkeep_turns SET at = at - interval '61 seconds'`)
  assert.equal(await ask(), 1)
})
