import assert from 'node:assert/strict'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { test, type TestContext } from 'node:test'
import { uuidv7 } from '../../src/event/index.ts'
import { commitFlush } from '../../src/ingest/settle.ts'
import { openObjectStore, type ObjectStore } from '../../src/lake/index.ts'
import { abandonIntent, openIntent, sweep } from '../../src/upkeep/index.ts'
import { flushOf, openGround } from '../kit/ground.ts'
import { ownFolder } from '../kit/folder.ts'

async function prepare(t: TestContext) {
  const ground = await openGround(t)
  const folder = await ownFolder(t)
  const warehouse = pathToFileURL(join(folder, 'lake')).href
  const objects = openObjectStore({ warehouse, cacheDir: join(folder, 'cache') })
  const tenantId = await ground.tenant()
  // Of the same lake: nothing outside of it is even listed.
  const dataset = { ...(await ground.dataset(tenantId)), location: `${warehouse}/pulse/events-2` }
  const location = `${warehouse}/pulse/events-1`
  return {
    ground,
    objects,
    tenantId,
    dataset,
    location,
    age: () =>
      ground.admin.query(
        `UPDATE flush_intents SET started_at = started_at - interval '1 hour', swept_at = swept_at - interval '1 hour'`,
      ),
    files: () => listed(objects, `${warehouse}/`),
    async write(flushId: string, table = location): Promise<string[]> {
      const written = [
        `${table}/data/timestamp_day=2026-01-01/${flushId}-0.parquet`,
        `${table}/metadata/00001-${flushId}.metadata.json`,
      ]
      for (const file of written) await objects.put(file, Buffer.from('x'))
      return written
    },
  }
}

async function listed(objects: ObjectStore, prefix: string): Promise<string[]> {
  const found: string[] = []
  for await (const { location } of objects.list(prefix)) found.push(location)
  return found.toSorted()
}

test('files of a writer that ended are deleted, twice looked for, and no other file is touched', async (t) => {
  const { ground, objects, tenantId, location, age, files, write } = await prepare(t)
  const { member } = await ground.worker()
  const [orphan, live, foreign] = [uuidv7(), uuidv7(), uuidv7()]
  await openIntent(ground.store, { flushId: orphan, tenantId, worker: member.worker, locations: [location] })
  const gone = await write(orphan)
  const kept = [
    ...(await write(live)),
    ...(await write(foreign, `${location}-2`)),
    ...(await write(orphan, `${location}-2`)),
  ]
  assert.equal(await sweep(ground.store, objects), 0, 'young')
  await age()
  assert.equal(await sweep(ground.store, objects), 0, 'condemned, but its worker lives')
  assert.deepEqual(await files(), [...gone, ...kept].toSorted())
  await member.leave()
  assert.equal(await sweep(ground.store, objects), 2)
  assert.deepEqual(await files(), kept.toSorted())

  assert.equal(await sweep(ground.store, objects), 0, 'the second look is later')
  await write(orphan) // a writer that was asleep
  await age()
  assert.equal(await sweep(ground.store, objects), 2)
  assert.deepEqual(await files(), kept.toSorted())
  assert.deepEqual(await ground.admin.query('SELECT FROM flush_intents'), [])
})

test('a flush that was condemned cannot commit, and one that committed is not swept', async (t) => {
  const { ground, objects, dataset, age } = await prepare(t)
  await ground.partition(dataset.tenantId)
  const worker = await ground.worker()
  const [late, intime] = [await flushOf(ground, dataset, worker), await flushOf(ground, dataset, worker)]
  await commitFlush(ground.store, intime)
  await age()
  await sweep(ground.store, objects)
  const sources = late.sources.map((of) => ({ ...of, flushes: of.flushes + 1 })) // it knows of the one that was in time
  assert.deepEqual(await commitFlush(ground.store, { ...late, sources, datasets: [] }), { kind: 'condemned' })
  await worker.member.leave()
  await sweep(ground.store, objects)
  assert.deepEqual(
    (await ground.admin.query('SELECT flush_id FROM flush_intents')).map((row) => row['flush_id']),
    [late.flushId],
  )
})

test('what its writer abandoned goes at the next turn, while the worker lives', async (t) => {
  const { ground, objects, tenantId, location, files, write } = await prepare(t)
  const { member } = await ground.worker()
  const flushId = uuidv7()
  await openIntent(ground.store, { flushId, tenantId, worker: member.worker, locations: [location] })
  await write(flushId)
  await abandonIntent(ground.store, { tenantId, flushId })
  assert.equal(await sweep(ground.store, objects), 2)
  assert.deepEqual(await files(), [])
})

test('an intent whose files cannot be deleted now waits, and others do not wait for it', async (t) => {
  const { ground, objects, tenantId, location, files, write } = await prepare(t)
  const flushes = [uuidv7(), uuidv7(), uuidv7()]
  for (const [i, flushId] of flushes.entries()) {
    await openIntent(ground.store, { flushId, tenantId, worker: 'gone', locations: [`${location}-${i}`] })
    await write(flushId, `${location}-${i}`)
    await abandonIntent(ground.store, { tenantId, flushId })
  }
  const stubborn: ObjectStore = {
    ...objects,
    list: (prefix) => objects.list(prefix),
    remove: (at) => (at.includes(flushes[0]!) ? Promise.reject(new Error('the disk says no')) : objects.remove(at)),
  }
  await assert.rejects(sweep(ground.store, stubborn), /the disk says no/)
  assert.equal((await files()).length, 2)
  assert.equal(await sweep(ground.store, objects), 2)
})

test('one turn takes all that a lake which was away has left behind', async (t) => {
  const { ground, objects, tenantId, location, files, write } = await prepare(t)
  await ground.admin.query(
    `INSERT INTO flush_intents (flush_id, tenant_id, locations, condemned_at)
     SELECT gen_random_uuid(), $1, ARRAY[$2], now() - interval '1 hour' FROM generate_series(1, 250)`,
    [tenantId, location],
  )
  const [last] = await ground.admin.query<{ id: string }>('SELECT flush_id AS id FROM flush_intents LIMIT 1')
  await ground.admin.query('UPDATE flush_intents SET condemned_at = now() WHERE flush_id = $1', [last?.id])
  await write(last?.id ?? '')
  assert.equal(await sweep(ground.store, objects), 2)
  assert.deepEqual(await files(), [])
  assert.deepEqual(await ground.admin.query('SELECT FROM flush_intents WHERE swept_at IS NULL'), [])
})
