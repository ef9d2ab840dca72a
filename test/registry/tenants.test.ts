import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { dlqTopic, rawTopic } from '../../src/event/index.ts'
import { ensureCanaryTenant } from '../../src/registry/canary.ts'
import { createTenant, getTenant, listTenants, patchTenant, type TenantPlaces } from '../../src/registry/tenants.ts'
import { openStore } from '../../src/store/index.ts'
import { namespaceOf } from '../../src/tenancy/index.ts'
import { openMemoryBus, type MemoryBus } from '../kit/memory-bus.ts'
import { withPostgres } from '../kit/postgres.ts'
import { isProblem } from '../kit/registry.ts'
import { openProxy } from '../kit/proxy.ts'
import { until } from '../kit/until.ts'

const postgres = await withPostgres({ after })
const store = await openStore({ url: postgres.appUrl, poolSize: 8, applicationName: 'test' })
after(() => store[Symbol.asyncDispose]())

const placesWith = (bus: MemoryBus, topicPartitions = 1): TenantPlaces => ({
  store,
  admin: bus.admin,
  topicPartitions,
  deadLetterDays: 30,
  warehouse: 'file:///nowhere/',
})
const admin = <R>(text: string, values?: unknown[]): Promise<R[]> => postgres.sql('admin').query<R>(text, values)

test('a tenant is made with its topics, its namespace and its source partitions', async () => {
  const bus = openMemoryBus()
  const tenant = await createTenant(placesWith(bus, 3), { slug: 'acme', name: 'Acme', metadata: '{"b":1.0,"a":2}' })
  assert.match(tenant.id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.deepEqual([tenant.slug, tenant.name, tenant.status], ['acme', 'Acme', 'active'])
  assert.deepEqual(JSON.parse(tenant.metadata), { a: 2, b: 1 })
  assert.match(tenant.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
  assert.deepEqual([...bus.topics.keys()].sort(), [dlqTopic(tenant.id), rawTopic(tenant.id)].sort())
  const sources = await admin<{ topic: string; partition: number; topic_id: string }>(
    'SELECT topic, partition, topic_id FROM source_partitions WHERE tenant_id = $1 ORDER BY partition',
    [tenant.id],
  )
  assert.deepEqual(
    sources.map((source) => [source.topic, source.partition]),
    [0, 1, 2].map((at) => [rawTopic(tenant.id), at]),
  )
  assert.equal(sources[0]?.topic_id, bus.topics.get(rawTopic(tenant.id))?.topicId)
  const properties = await admin<{ property_key: string }>(
    'SELECT property_key FROM iceberg_catalog.iceberg_namespace_properties WHERE namespace = $1',
    [namespaceOf(tenant.id)],
  )
  assert.ok(properties.some((row) => row.property_key === 'exists'))
  assert.deepEqual(await getTenant(store, tenant.id), tenant)
})

test('events stay on the bus until they are settled, copies of dead letters as long as their rows', async () => {
  const bus = openMemoryBus()
  const asked: Record<string, unknown> = {}
  const places = placesWith(bus)
  const admin = {
    ...places.admin,
    ensureTopics(topics: Parameters<typeof places.admin.ensureTopics>[0]) {
      for (const { name, configs } of topics) asked[name] = configs
      return places.admin.ensureTopics(topics)
    },
  }
  const { id } = await createTenant({ ...places, admin }, { slug: 'kept', name: 'Kept' })
  assert.deepEqual(asked, {
    [rawTopic(id)]: { 'retention.ms': '-1' },
    [dlqTopic(id)]: { 'retention.ms': String(30 * 24 * 3600 * 1000) },
  })
})

test('a finished slug is taken', async () => {
  const bus = openMemoryBus()
  await createTenant(placesWith(bus), { slug: 'taken', name: 'One' })
  await assert.rejects(createTenant(placesWith(bus), { slug: 'taken', name: 'Two' }), isProblem('tenant_slug_taken'))
})

for (const fault of ['failNext', 'loseAnswerOf'] as const) {
  test(`after the bus was away in the middle (${fault}), the same slug finishes the tenant that was begun`, async () => {
    const bus = openMemoryBus()
    const slug = fault.toLowerCase()
    bus[fault]('ensureTopics')
    await assert.rejects(createTenant(placesWith(bus), { slug, name: 'First' }), isProblem('dependency_away'))
    const [begun] = await admin<{ id: string; status: string }>('SELECT id, status FROM tenants WHERE slug = $1', [
      slug,
    ])
    assert.equal(begun?.status, 'creating')
    assert.equal(await getTenant(store, begun?.id ?? ''), undefined, 'an unfinished tenant is seen by nobody')
    assert.deepEqual((await listTenants(store, { limit: 50, slug })).items, [])
    assert.ok(!(await listTenants(store, { limit: 200 })).items.some((tenant) => tenant.slug === slug))
    assert.equal(await patchTenant(store, begun?.id ?? '', { name: 'x' }), undefined)

    const tenant = await createTenant(placesWith(bus), { slug, name: 'Second' })
    assert.deepEqual([tenant.id, tenant.name, tenant.status], [begun?.id, 'Second', 'active'])
  })
}

test('of ten who ask for one slug at once, one gets the tenant and nine are told that it is taken', async () => {
  const bus = openMemoryBus()
  const release = bus.hold()
  const asking = Array.from({ length: 10 }, (_, at) =>
    createTenant(placesWith(bus), { slug: 'rush', name: `Rush ${at}` }),
  )
  const settling = Promise.allSettled(asking)
  // No connection to Postgres is held while the bus is asked, so all ten get that far with a pool of eight.
  await until('all ten wait for the bus', () => bus.calls.length === 10)
  release()
  const settled = await settling
  assert.equal(settled.filter((one) => one.status === 'fulfilled').length, 1)
  for (const one of settled)
    if (one.status === 'rejected') assert.ok(isProblem('tenant_slug_taken')(one.reason), String(one.reason))
  assert.equal((await admin<{ n: number }>(`SELECT count(*)::int AS n FROM tenants WHERE slug = 'rush'`))[0]?.n, 1)
})

test('tenants are listed newest first, page by page, each exactly once', async () => {
  const bus = openMemoryBus()
  for (let at = 0; at < 5; at++) await createTenant(placesWith(bus), { slug: `page-${at}`, name: 'Page' })
  const seen: string[] = []
  let cursor: string | undefined
  do {
    const page = await listTenants(store, { limit: 2, cursor })
    assert.ok(page.items.length <= 2)
    seen.push(...page.items.map((tenant) => tenant.slug))
    cursor = page.next_cursor ?? undefined
  } while (cursor !== undefined)
  assert.equal(new Set(seen).size, seen.length)
  assert.deepEqual(
    seen.filter((slug) => slug.startsWith('page-')),
    ['page-4', 'page-3', 'page-2', 'page-1', 'page-0'],
  )
})

test('a change touches what it names and nothing else', async () => {
  const tenant = await createTenant(placesWith(openMemoryBus()), {
    slug: 'changing',
    name: 'Before',
    metadata: '{"a":1}',
  })
  const suspended = await patchTenant(store, tenant.id, { status: 'suspended' })
  assert.deepEqual({ ...suspended, updated_at: '' }, { ...tenant, status: 'suspended', updated_at: '' })
  const renamed = await patchTenant(store, tenant.id, { name: 'After', status: 'active' })
  assert.deepEqual([renamed?.name, renamed?.status, JSON.parse(renamed?.metadata ?? '')], ['After', 'active', { a: 1 }])
  assert.equal(await patchTenant(store, '01900000-0000-7000-8000-00000000ffff', { name: 'x' }), undefined)
})

test('an answer to COMMIT that was lost is looked up: the tenant is finished, and nobody is told that it is taken', async (t) => {
  const proxy = await openProxy(t, postgres.appUrl)
  const through = await openStore({ url: proxy.url, poolSize: 2, applicationName: 'test-proxy' })
  t.after(async () => through[Symbol.asyncDispose]())
  const bus = openMemoryBus()
  const cutting = (what: 'answer' | 'request'): TenantPlaces => ({
    ...placesWith(bus),
    store: through,
    admin: {
      ...bus.admin,
      async ensureTopics(topics) {
        const made = await bus.admin.ensureTopics(topics)
        proxy.cutNext(what)
        return made
      },
    },
  })
  const finished = await createTenant(cutting('answer'), { slug: 'answer-lost', name: 'x' })
  assert.equal(finished.status, 'active')
  await assert.rejects(
    createTenant(cutting('request'), { slug: 'commit-lost', name: 'x' }),
    isProblem('dependency_away'),
  )
  assert.equal((await createTenant(placesWith(bus), { slug: 'commit-lost', name: 'x' })).status, 'active')
  assert.equal(proxy.cuts, 2)
})

test('the canary tenant is made although the bus is away at first, once, and found by whoever comes later', async () => {
  const bus = openMemoryBus()
  bus.failNext('ensureTopics', 2)
  const failures: unknown[] = []
  const options = {
    signal: new AbortController().signal,
    wait: async () => undefined,
    said: (error: unknown) => void failures.push(error),
  }
  await ensureCanaryTenant(placesWith(bus), options)
  assert.equal(failures.length, 2)
  await Promise.all([ensureCanaryTenant(placesWith(bus), options), ensureCanaryTenant(placesWith(bus), options)])
  assert.equal(failures.length, 2)
  assert.equal((await listTenants(store, { limit: 1, slug: 'pulse-canary' })).items[0]?.status, 'active')
})
