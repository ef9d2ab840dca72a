import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ObjectStore } from '../../src/lake/index.ts'
import { expireFiles } from '../../src/upkeep/index.ts'
import { openGround } from '../kit/ground.ts'

function removing(refuse: (location: string) => boolean = () => false) {
  const removed: string[] = []
  const objects = {
    async remove(location: string) {
      if (refuse(location)) throw new Error(`no: ${location}`)
      removed.push(location)
    },
  } as ObjectStore
  return { objects, removed }
}

test('files go when their grace is over, tenant by tenant, and none before', async (t) => {
  const { store, admin, tenant } = await openGround(t)
  const [a, b] = [await tenant(), await tenant()]
  await admin.query(
    `INSERT INTO expired_files SELECT 'file:///' || t || '/' || i, t::uuid, now() + CASE WHEN i < 3 THEN -interval '1 s' ELSE interval '1 h' END
     FROM unnest($1::text[]) t, generate_series(0, 4) i`,
    [[a, b]],
  )
  const { objects, removed } = removing()
  assert.equal(await expireFiles(store, objects), 6)
  assert.deepEqual(removed.toSorted(), [a, b].flatMap((of) => [0, 1, 2].map((i) => `file:///${of}/${i}`)).toSorted())
  assert.equal((await admin.query('SELECT FROM expired_files')).length, 4)
  assert.equal(await expireFiles(store, objects), 0)
})

test('a file that cannot be deleted stays for the next turn, and keeps no other', async (t) => {
  const { store, admin, tenant } = await openGround(t)
  const id = await tenant()
  await admin.query(
    `INSERT INTO expired_files SELECT 'f' || i, $1, now() - interval '1 s' FROM generate_series(1, 20) i`,
    [id],
  )
  const { objects, removed } = removing((location) => location === 'f7')
  await assert.rejects(expireFiles(store, objects), /no: f7/)
  assert.equal(removed.length, 19)
  assert.deepEqual(await admin.query('SELECT location FROM expired_files'), [{ location: 'f7' }])
  assert.equal(await expireFiles(store, removing().objects), 1)
})

test("one tenant's many files do not keep another's waiting", async (t) => {
  const { store, admin, tenant } = await openGround(t)
  const [flood, other] = [await tenant(), await tenant()]
  await admin.query(
    `INSERT INTO expired_files SELECT 'f' || i, $1, now() - interval '1 h' FROM generate_series(1, 3000) i`,
    [flood],
  )
  await admin.query(`INSERT INTO expired_files VALUES ('mine', $1, now() - interval '1 s')`, [other])
  const { objects, removed } = removing()
  await expireFiles(store, objects)
  assert.ok(removed.includes('mine'))
  assert.equal(removed.length, 501)
})

test('every tenant has its turn, however many have something due and whatever fails', async (t) => {
  const { store, admin } = await openGround(t)
  await admin.query(
    `WITH made AS (INSERT INTO tenants (id, slug, name, status)
       SELECT gen_random_uuid(), 'many' || i, 'T', 'active' FROM generate_series(1, 450) i RETURNING id)
     INSERT INTO expired_files SELECT 'file:///' || id, id, now() - interval '1 s' FROM made`,
  )
  const [first] = await admin.query<{ id: string }>('SELECT tenant_id AS id FROM expired_files ORDER BY 1 LIMIT 1')
  const { objects, removed } = removing((location) => location === `file:///${first?.id}`)
  await assert.rejects(expireFiles(store, objects), /no:/)
  assert.equal(removed.length, 449)
})
