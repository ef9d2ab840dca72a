import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { openObjectStore } from '../../src/lake/index.ts'
import { Problem } from '../../src/problems/index.ts'
import { openBindings } from '../../src/registry/bindings.ts'
import { patchTenant } from '../../src/registry/tenants.ts'
import { openStore, type Store } from '../../src/store/index.ts'
import { withPostgres } from '../kit/postgres.ts'
import { makeDataset, makeSchema, makeTenant } from '../kit/registry.ts'
import { until } from '../kit/until.ts'
import { ownFolder } from '../kit/folder.ts'

const postgres = await withPostgres({ after })
const store = await openStore({ url: postgres.appUrl, poolSize: 8, applicationName: 'test' })
after(() => store[Symbol.asyncDispose]())
const folder = await ownFolder({ after })
const warehouse = `file://${folder}`
const places = { store, warehouse, objects: openObjectStore({ warehouse }) }
const admin = <R>(text: string, values?: unknown[]): Promise<R[]> => postgres.sql('admin').query<R>(text, values)

const tenant = await makeTenant(places, 'mine')
const other = await makeTenant(places, 'other')
const schema = await makeSchema(places, tenant.id, { type: 'object', properties: { n: { type: 'integer' } } })
const dataset = await makeDataset(places, tenant.id, 'events', schema.uri)

/** A store that counts transactions and can be away, slow, or held. */
function observed() {
  const seen = { transactions: 0, isAway: false, held: undefined as Promise<void> | undefined }
  const look = async (): Promise<void> => {
    seen.transactions += 1
    if (seen.isAway) throw new Problem('dependency_away', 'away on purpose')
    await seen.held
  }
  const watched: Store = {
    ...store,
    asTenant: (tenantId, act, options) => look().then(() => store.asTenant(tenantId, act, options)),
    asSystem: (act, options) => look().then(() => store.asSystem(act, options)),
  }
  return { store: watched, seen }
}
function clockAt(ms = 0) {
  const clock = { ms, now: () => clock.ms }
  return clock
}

test('a binding has all that collect and ingest ask for', async () => {
  const bindings = openBindings(store, { maxAgeMs: 2000 })
  assert.equal(bindings.peek(tenant.id, 'events'), undefined)
  const binding = await bindings.bySlug(tenant.id, 'events')
  assert.ok(binding !== undefined)
  assert.deepEqual(
    [
      binding.tenantId,
      binding.tenantSlug,
      binding.datasetId,
      binding.datasetSlug,
      binding.schemaId,
      binding.table,
      binding.keepsExtra,
    ],
    [tenant.id, 'mine', dataset.id, 'events', schema.id, 'events', false],
  )
  assert.equal(typeof binding.datasetNumber, 'number')
  assert.deepEqual(binding.shape.under, ['e', 'data'])
  assert.equal(binding.validate({ timestamp: '2026-01-01T00:00:00Z', n: 1 }), null)
  assert.ok((binding.validate({ timestamp: '2026-01-01T00:00:00Z', n: 'x' }) ?? []).length > 0)
  assert.equal(bindings.peek(tenant.id, 'events'), binding)
  assert.equal(await bindings.byId(tenant.id, dataset.id), binding)
  assert.equal(await bindings.byId(tenant.id, dataset.id, schema.id), binding)
})

test("another tenant's dataset is not there, nor what never was", async () => {
  const bindings = openBindings(store, { maxAgeMs: 2000 })
  await bindings.bySlug(tenant.id, 'events')
  assert.equal(await bindings.bySlug(other.id, 'events'), undefined)
  assert.equal(await bindings.byId(other.id, dataset.id), undefined)
  assert.equal(await bindings.byId(other.id, dataset.id, schema.id), undefined)
  assert.equal(bindings.peek(other.id, 'events'), undefined)
  for (const id of ['01900000-0000-7000-8000-00000000ffff', 'nonsense', '', '\0']) {
    assert.equal(await bindings.tenant(id), undefined)
    assert.equal(await bindings.bySlug(id, 'events'), undefined)
    assert.equal(await bindings.byId(tenant.id, id), undefined)
  }
  for (const slug of ['nothing', 'UPPER', '\0', '']) assert.equal(await bindings.bySlug(tenant.id, slug), undefined)
})

test('a dataset is found as soon as it is made, although it was asked for before', async () => {
  const bindings = openBindings(store, { maxAgeMs: 2000 })
  assert.equal(await bindings.bySlug(tenant.id, 'soon'), undefined)
  const made = await makeDataset(places, tenant.id, 'soon', schema.uri)
  assert.equal((await bindings.bySlug(tenant.id, 'soon'))?.datasetId, made.id)
})

test('an unfinished tenant is not there', async () => {
  const id = '01900000-0000-7000-8000-0000000000aa'
  await admin(`INSERT INTO tenants (id, slug, name, status) VALUES ($1, 'unfinished', 'x', 'creating')`, [id])
  const bindings = openBindings(store, { maxAgeMs: 2000 })
  assert.equal(await bindings.tenant(id), undefined)
  await admin(`UPDATE tenants SET status = 'active' WHERE id = $1`, [id])
  assert.deepEqual(await bindings.tenant(id), { id, slug: 'unfinished', status: 'active', limits: null })
})

test('nothing older than the age is used: peek answers nothing, asking reads anew', async () => {
  const clock = clockAt()
  const { store: watched, seen } = observed()
  const bindings = openBindings(watched, { maxAgeMs: 2000, clock })
  const binding = await bindings.bySlug(tenant.id, 'events')
  const before = seen.transactions
  for (clock.ms = 0; clock.ms <= 1000; clock.ms += 100) assert.equal(bindings.peek(tenant.id, 'events'), binding)
  assert.equal(seen.transactions, before, 'young facts cost nothing')
  clock.ms = 2001
  seen.isAway = true
  assert.equal(bindings.peek(tenant.id, 'events'), undefined)
  assert.equal(bindings.peekTenant(tenant.id), undefined)
})

test('who sends steadily never waits: facts are verified in the background, once however many ask', async () => {
  const clock = clockAt()
  const { store: watched, seen } = observed()
  const bindings = openBindings(watched, { maxAgeMs: 2000, clock })
  const binding = await bindings.bySlug(tenant.id, 'events')
  clock.ms = 1500
  const before = seen.transactions
  for (let at = 0; at < 1000; at++) assert.equal(bindings.peek(tenant.id, 'events'), binding)
  assert.equal(seen.transactions, before + 1)
  await until('the facts are young again', () => {
    clock.ms = 3400
    return bindings.peek(tenant.id, 'events') === binding
  })
})

test('a suspension is effective once the age has passed', async () => {
  const suspended = await makeTenant(places, 'suspended')
  const clock = clockAt()
  const bindings = openBindings(store, { maxAgeMs: 2000, clock })
  assert.equal((await bindings.tenant(suspended.id))?.status, 'active')
  await patchTenant(store, suspended.id, { status: 'suspended' })
  clock.ms = 2001
  assert.equal(bindings.peekTenant(suspended.id), undefined)
  assert.equal((await bindings.tenant(suspended.id))?.status, 'suspended')
  await patchTenant(store, suspended.id, { status: 'active' })
  bindings.forget(suspended.id)
  assert.equal((await bindings.tenant(suspended.id))?.status, 'active', 'the process that changed it knows at once')
})

test('a dataset bound anew is judged by the new schema after the age; records that name the old version still find it', async () => {
  const rebound = await makeDataset(places, tenant.id, 'rebound', schema.uri)
  const clock = clockAt()
  const bindings = openBindings(store, { maxAgeMs: 2000, clock })
  const old = await bindings.bySlug(tenant.id, 'rebound')
  const next = await makeSchema(places, tenant.id, { type: 'object', properties: { added: { type: 'string' } } })
  await admin(
    `INSERT INTO dataset_bindings (tenant_id, dataset_id, schema_id, shape) SELECT tenant_id, dataset_id, $2, shape FROM dataset_bindings WHERE dataset_id = $1`,
    [rebound.id, next.id],
  )
  await admin('UPDATE pdm_datasets SET schema_id = $2 WHERE id = $1', [rebound.id, next.id])
  clock.ms = 2001
  const current = await bindings.bySlug(tenant.id, 'rebound')
  assert.equal(current?.schemaId, next.id)
  assert.equal((await bindings.byId(tenant.id, rebound.id))?.schemaId, next.id)
  assert.equal(await bindings.byId(tenant.id, rebound.id, schema.id), old)
  const elsewhere = openBindings(store, { maxAgeMs: 2000 })
  assert.equal((await elsewhere.byId(tenant.id, rebound.id, schema.id))?.schemaId, schema.id)
  assert.equal(
    (await elsewhere.bySlug(tenant.id, 'rebound'))?.schemaId,
    next.id,
    'an old version that was asked for is not taken for the current one',
  )
  assert.equal(
    (await elsewhere.byId(tenant.id, rebound.id, '01900000-0000-7000-8000-00000000ffff'))?.schemaId,
    next.id,
    'a version never bound is judged by the current one',
  )
})

test('while Postgres is away: what is young is still used, then it is a 503 and never an unknown dataset', async () => {
  const clock = clockAt()
  const { store: watched, seen } = observed()
  const bindings = openBindings(watched, { maxAgeMs: 2000, clock })
  const binding = await bindings.bySlug(tenant.id, 'events')
  seen.isAway = true
  clock.ms = 1999
  assert.equal(bindings.peek(tenant.id, 'events'), binding)
  const away = (error: unknown): boolean => error instanceof Problem && error.code === 'dependency_away'
  await assert.rejects(bindings.bySlug(tenant.id, 'not-cached'), away)
  clock.ms = 2001
  await assert.rejects(bindings.bySlug(tenant.id, 'events'), away)
  await assert.rejects(bindings.tenant(tenant.id), away)
  await assert.rejects(bindings.tenant(other.id), away)
  assert.equal(
    await bindings.byId(tenant.id, dataset.id, schema.id),
    binding,
    'a version once bound never changes, so the worker may use it',
  )
  seen.isAway = false
  assert.equal(await bindings.bySlug(tenant.id, 'events'), binding)
})

test('a thousand who ask for the same at once cost one reading', async () => {
  const { store: watched, seen } = observed()
  const bindings = openBindings(watched, { maxAgeMs: 2000 })
  const answers = await Promise.all(Array.from({ length: 1000 }, () => bindings.bySlug(tenant.id, 'events')))
  assert.ok(answers.every((one) => one !== undefined && one === answers[0]))
  assert.ok(seen.transactions <= 3, `${seen.transactions} transactions`)
})

test('a flood of tenants and datasets that are not there costs few readings, and hides none that is', async () => {
  const { store: watched, seen } = observed()
  const bindings = openBindings(watched, { maxAgeMs: 2000 })
  const nobody = (at: number) => `01900000-0000-7000-8000-${String(at).padStart(12, '0')}`
  const tenants = await Promise.all([
    ...Array.from({ length: 3_000 }, (_, at) => bindings.tenant(nobody(at))),
    bindings.tenant(tenant.id),
    ...Array.from({ length: 3_000 }, () => bindings.tenant(nobody(0))),
  ])
  assert.deepEqual(
    tenants.filter((one) => one !== undefined).map((one) => one.id),
    [tenant.id],
  )
  assert.ok(seen.transactions <= 5, `${seen.transactions} readings for 3,001 tenants`)
  seen.transactions = 0
  const slugs = Array.from({ length: 640 }, (_, at) => bindings.bySlug(tenant.id, `nothing-${at}`))
  const found = await Promise.all([...slugs, bindings.bySlug(tenant.id, 'events')])
  assert.deepEqual(
    found.flatMap((one) => one?.datasetSlug ?? []),
    ['events'],
  )
  assert.ok(seen.transactions <= 12, `${seen.transactions} readings for 641 datasets`)
})

test('a schema that does not compile is the trouble of its own dataset', async () => {
  const owner = await makeTenant(places, 'broken-schema')
  const good = await makeSchema(places, owner.id, { type: 'object', properties: { n: { type: 'integer' } } })
  const bad = await makeSchema(places, owner.id, { type: 'object', properties: { s: { type: 'string' } } })
  await makeDataset(places, owner.id, 'good', good.uri)
  await makeDataset(places, owner.id, 'bad', bad.uri)
  await admin(`UPDATE pdm_entities SET composed = '{"type":"no such type"}' WHERE id = $1`, [bad.id])
  const bindings = openBindings(store, { maxAgeMs: 2000 })
  await bindings.tenant(owner.id)
  // The first is read alone, the others together.
  const asked = ['first', 'bad', 'good'].map((slug) => bindings.bySlug(owner.id, slug))
  const [, broken, whole] = await Promise.allSettled(asked)
  assert.equal(broken?.status, 'rejected')
  assert.ok(whole?.status === 'fulfilled' && whole.value?.datasetSlug === 'good')
})

test('a verification slower than the age answers all the same, and does not go round in circles', async () => {
  const clock = clockAt()
  const { store: watched, seen } = observed()
  const bindings = openBindings(watched, { maxAgeMs: 2000, clock })
  const binding = await bindings.bySlug(tenant.id, 'events')
  clock.ms = 2500
  const before = seen.transactions
  const { promise, resolve } = Promise.withResolvers<void>()
  seen.held = promise
  const asking = bindings.bySlug(tenant.id, 'events')
  clock.ms = 60_000
  seen.held = undefined
  resolve()
  assert.equal(await asking, binding)
  assert.ok(seen.transactions - before <= 2)
})

test('tenants beyond the bound are forgotten, oldest first, and found again', async () => {
  const { store: watched } = observed()
  const bindings = openBindings(watched, { maxAgeMs: 2000, maxTenants: 2 })
  const third = await makeTenant(places, 'third')
  for (const id of [tenant.id, other.id, third.id]) assert.ok(await bindings.tenant(id))
  assert.equal(bindings.peekTenant(tenant.id), undefined)
  assert.ok(await bindings.bySlug(tenant.id, 'events'))
})

test('a tenant that others pushed out while it was being verified is still there: none of its datasets is unknown', async () => {
  const { store: watched, seen } = observed()
  const clock = clockAt()
  const bindings = openBindings(watched, { maxAgeMs: 2000, maxTenants: 1, clock })
  assert.ok(await bindings.tenant(tenant.id))
  clock.ms += 5000
  const open = Promise.withResolvers<void>()
  seen.held = open.promise
  const asked = bindings.byId(tenant.id, dataset.id, dataset.schema_id)
  seen.held = undefined
  assert.ok(await bindings.tenant(other.id))
  open.resolve()
  assert.equal((await asked)?.datasetId, dataset.id)
})
