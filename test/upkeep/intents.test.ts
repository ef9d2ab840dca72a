import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uuidv7 } from '../../src/event/index.ts'
import { IntentCondemned, abandonIntent, closeIntent, openIntent } from '../../src/upkeep/index.ts'
import { openGround } from '../kit/ground.ts'

test('an intent is closed once, in the transaction of what it announced', async (t) => {
  const ground = await openGround(t)
  const tenantId = await ground.tenant()
  const intent = { flushId: uuidv7(), tenantId, worker: 'api-1', locations: ['file:///lake/a'] }
  await openIntent(ground.store, intent)
  await openIntent(ground.store, intent) // a lost answer, offered again
  await assert.rejects(
    ground.store.asTenant(tenantId, async (sql) => {
      await closeIntent(sql, intent.flushId)
      throw new Error('the rest did not hold')
    }),
    /the rest/,
  )
  assert.equal((await ground.admin.query('SELECT FROM flush_intents')).length, 1, 'rolled back with it')
  await ground.store.asTenant(tenantId, (sql) => closeIntent(sql, intent.flushId))
  await assert.rejects(
    ground.store.asTenant(tenantId, (sql) => closeIntent(sql, intent.flushId)),
    IntentCondemned,
  )
})

test("an intent that was abandoned cannot be closed, and another tenant's is not there", async (t) => {
  const ground = await openGround(t)
  const [mine, other] = [await ground.tenant(), await ground.tenant()]
  const flushId = uuidv7()
  await openIntent(ground.store, { flushId, tenantId: mine, worker: 'w', locations: [] })
  await abandonIntent(ground.store, { tenantId: other, flushId })
  await assert.rejects(
    ground.store.asTenant(other, (sql) => closeIntent(sql, flushId)),
    IntentCondemned,
  )
  assert.deepEqual(await ground.admin.query('SELECT condemned_at FROM flush_intents'), [{ condemned_at: null }])
  await abandonIntent(ground.store, { tenantId: mine, flushId })
  await assert.rejects(
    ground.store.asTenant(mine, (sql) => closeIntent(sql, flushId)),
    IntentCondemned,
  )
})
