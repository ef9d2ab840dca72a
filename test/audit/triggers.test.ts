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
  type State = { name: string; slug: string } | null
  type Kept = { action: string; actor: string; before: State; after: State; trace_id: string | null }
  const [made, first, second, gone, ...more] = await admin.query<Kept>(KEPT)
  assert.deepEqual(more, [])
  assert.equal(made?.action, 'tenant.create')
  assert.match(String(made?.actor), /^database:/)
  assert.deepEqual([made?.before, made?.after?.name], [null, 'T'])
  assert.deepEqual(first, {
    actor: 'key:k',
    action: 'tenant.update',
    entity: 'tenant',
    entity_id: id,
    name: made?.after?.slug,
    before: { name: 'T' },
    after: { name: 'first' },
    trace_id: traceId,
    tenant_id: id,
  })
  assert.deepEqual([second?.actor, second?.trace_id], ['database:pulse_app', null])
  assert.deepEqual([gone?.action, gone?.after], ['tenant.delete', null])
  assert.equal(gone?.before?.name, 'second')
})

test('the tables that are audited are those that people change, and none that an event passes through', async (t) => {
  const { admin } = await openGround(t)
  const found = await admin.query<{ name: string }>(
    `SELECT tgrelid::regclass::text AS name FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1`,
  )
  assert.deepEqual(
    found.map(({ name }) => name),
    ['api_keys', 'limits', 'pdm_datasets', 'pdm_entities', 'tenants'],
  )
})

test('limits that are given, changed and taken away are told of, and whose they are: the tenant’s or one of its keys', async (t) => {
  const { admin, store, tenant } = await openGround(t)
  const id = await tenant()
  const key = '01900000-0000-7000-8000-0000000000aa'
  const act = (text: string) => store.asTenant(id, (sql) => sql.query(text))
  await act(`INSERT INTO limits (subject, tenant_id, events_per_second) VALUES ('${id}', '${id}', 100)`)
  await act(`INSERT INTO limits (subject, tenant_id, bytes_per_day) VALUES ('${key}', '${id}', 5000)`)
  await act(`UPDATE limits SET events_per_second = 200 WHERE subject = '${id}'`)
  await act(`UPDATE limits SET events_per_second = 200 WHERE subject = '${id}'`)
  await act(`DELETE FROM limits WHERE subject = '${key}'`)
  const rows = await admin.query<Record<string, unknown>>(
    `SELECT action, entity_id, name, before, after FROM audit WHERE entity = 'limits' AND tenant_id = $1 ORDER BY at`,
    [id],
  )
  assert.deepEqual(
    rows.map((row) => [row['action'], row['entity_id'], row['name'], row['before'], row['after']]),
    [
      ['limits.create', id, 'tenant', null, { events_per_second: 100 }],
      ['limits.create', key, 'key', null, { bytes_per_day: 5000 }],
      ['limits.update', id, 'tenant', { events_per_second: 100 }, { events_per_second: 200 }],
      ['limits.delete', key, 'key', { bytes_per_day: 5000 }, null],
    ],
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
  /** The quickest: what others do on the machine makes a change slower, and never quicker. */
  const best = { ENABLE: Infinity, DISABLE: Infinity }
  for (let round = 0; round < 5; round += 1) {
    for (const how of ['ENABLE', 'DISABLE'] as const) {
      await admin.query(`ALTER TABLE tenants ${how} TRIGGER audit`)
      for (let n = 0; n < 15; n += 1) {
        const from = performance.now()
        await store.asSystem((sql) => sql.query(`SELECT tenant_patch($1, $2, NULL, NULL)`, [id, `n${from}`]))
        best[how] = Math.min(best[how], performance.now() - from)
      }
    }
  }
  t.diagnostic(`the quickest change: ${best.ENABLE.toFixed(2)} ms, without the audit ${best.DISABLE.toFixed(2)} ms`)
  assert.ok(best.ENABLE - best.DISABLE < 10, `${best.ENABLE} ms, without ${best.DISABLE} ms`)
})
