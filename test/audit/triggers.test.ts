import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runWith } from '../../src/tenancy/index.ts'
import { openGround } from '../kit/ground.ts'

const KEPT = `SELECT actor, action, entity, entity_id, name, before, after, trace_id, tenant_id FROM audit ORDER BY at`

test('a row is put into the transaction of the change, by whoever makes it: with an actor and a trace, or by the name of who is connected', async (t) => {
  const { admin, store, tenant } = await openGround(t)
  const id = await tenant()
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  const trace = { traceId, spanId: 'b7ad6b7169203331', sampled: false }
  const rename = (name: string) =>
    store.asSystem((sql) => sql.query(`SELECT tenant_patch($1, $2, NULL, NULL)`, [id, name]))
  await runWith({ actor: 'key:k', trace }, () => rename('first'))
  await rename('second')
  await rename('second')
  await assert.rejects(
    runWith({ actor: 'key:k', trace }, () =>
      store.asSystem(async (sql) => {
        await sql.query(`SELECT tenant_patch($1, 'never', NULL, NULL)`, [id])
        throw new Error('rolled back')
      }),
    ),
    /rolled back/,
  )
  await admin.query('DELETE FROM tenants WHERE id = $1', [id])
  const rows = await admin.query<Record<string, unknown>>(KEPT)
  const [made, first, second, gone, ...more] = rows
  assert.deepEqual(more, [])
  assert.equal(made?.['action'], 'tenant.create')
  assert.match(String(made?.['actor']), /^database:/)
  assert.deepEqual([made?.['before'], (made?.['after'] as { name: string }).name], [null, 'T'])
  assert.deepEqual(first, {
    actor: 'key:k',
    action: 'tenant.update',
    entity: 'tenant',
    entity_id: id,
    name: (made?.['after'] as { slug: string }).slug,
    before: { name: 'T' },
    after: { name: 'first' },
    trace_id: traceId,
    tenant_id: id,
  })
  assert.deepEqual([second?.['actor'], second?.['trace_id']], ['database:pulse_app', null])
  assert.deepEqual([gone?.['action'], gone?.['after']], ['tenant.delete', null])
  assert.equal((gone?.['before'] as { name: string }).name, 'second')
})
