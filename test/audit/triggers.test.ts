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

test('the tables that are audited are those that people change, and none that an event passes through', async (t) => {
  const { admin } = await openGround(t)
  const found = await admin.query<{ name: string }>(
    `SELECT tgrelid::regclass::text AS name FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1`,
  )
  assert.deepEqual(
    found.map(({ name }) => name),
    ['api_keys', 'pdm_datasets', 'pdm_entities', 'tenants'],
  )
})

test('who serves requests can neither write the audit, change it, take from it, nor switch it off', async (t) => {
  const { admin, store, tenant } = await openGround(t)
  const id = await tenant()
  const before = await admin.query('SELECT * FROM audit')
  assert.equal(before.length, 1)
  for (const attempt of [
    `INSERT INTO audit (tenant_id, actor, action, entity, name) VALUES ('${id}', 'key:x', 'key.create', 'key', 'x')`,
    `UPDATE audit SET actor = 'somebody else'`,
    'DELETE FROM audit',
    'TRUNCATE audit',
    'DROP TABLE audit',
    `SELECT audit_write('${id}', 'key', 'create', NULL, 'x', NULL, NULL)`,
    'ALTER TABLE tenants DISABLE TRIGGER audit',
    'DROP TRIGGER audit ON tenants',
    `CREATE TRIGGER mine AFTER INSERT ON audit FOR EACH ROW EXECUTE FUNCTION audit_note('x', '')`,
    'SET session_replication_role = replica',
    'DELETE FROM settings_recorded',
    'SELECT FROM settings_recorded',
  ])
    await assert.rejects(
      store.asTenant(id, (sql) => sql.query(attempt)),
      (error) => (error as { code?: string }).code === '42501',
      attempt,
    )
  assert.deepEqual(await admin.query('SELECT * FROM audit'), before)
})

test('a change costs its row and not much more', async (t) => {
  const { admin, store, tenant } = await openGround(t)
  const id = await tenant()
  const meanMs = async (): Promise<number> => {
    const times: number[] = []
    for (let n = 0; n < 60; n += 1) {
      const from = performance.now()
      await store.asSystem((sql) => sql.query(`SELECT tenant_patch($1, $2, NULL, NULL)`, [id, `n${from}`]))
      times.push(performance.now() - from)
    }
    return times.toSorted((a, b) => a - b)[30] ?? 0
  }
  await meanMs()
  const audited = await meanMs()
  await admin.query('ALTER TABLE tenants DISABLE TRIGGER audit')
  const alone = await meanMs()
  t.diagnostic(`the middle of 60 changes: ${audited.toFixed(2)} ms, without the audit ${alone.toFixed(2)} ms`)
  // Some 3 ms where eight others keep two cores busy.
  assert.ok(audited - alone < 15, `${audited} ms, without ${alone} ms`)
})
