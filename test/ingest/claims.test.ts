import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uuidv7 } from '../../src/event/index.ts'
import { WorkerNameTaken, openMembership } from '../../src/ingest/claims.ts'
import { NIL_DATASET } from '../../src/ingest/flush-commit.ts'
import { commitFlush } from '../../src/ingest/settle.ts'
import type { Store } from '../../src/store/index.ts'
import { flushOf, openGround } from '../kit/ground.ts'
import { openProxy } from '../kit/proxy.ts'

test('the first worker claims everything, with the reading positions and what is settled above them', async (t) => {
  const ground = await openGround(t)
  const tenantId = await ground.tenant()
  const at = await ground.partition(tenantId, 3)
  await ground.admin.query('UPDATE source_partitions SET next_offset = 40 WHERE partition = 1')
  const [above, below] = [uuidv7(), uuidv7()]
  await ground.admin.query('INSERT INTO settled_offsets VALUES ($1, 1, $2, 50), ($1, 1, $3, 39), ($1, 1, $4, 41)', [
    at.topicId,
    above,
    below,
    NIL_DATASET,
  ])
  const { member, owned } = await ground.worker()
  assert.deepEqual(owned.map((of) => of.partition).toSorted(), [0, 1, 2])
  const one = owned.find((of) => of.partition === 1)
  assert.deepEqual(one, {
    topicId: at.topicId,
    topic: at.topic,
    partition: 1,
    tenantId,
    generation: 1,
    flushes: 0,
    nextOffset: 40,
    settled: new Map([
      [above, 50],
      [NIL_DATASET, 41],
    ]),
  })
  const again = await member.share()
  assert.deepEqual([again.claimed, again.released, again.lost, again.owned.length, again.members], [[], [], [], 3, 1])
})

test('a new topic is claimed at the next call', async (t) => {
  const ground = await openGround(t)
  const tenantId = await ground.tenant()
  const { member } = await ground.worker()
  await ground.partition(tenantId)
  assert.equal((await member.share()).claimed.length, 1)
})

test('a second worker gets its part by giving back, and every partition has one owner throughout', async (t) => {
  const ground = await openGround(t)
  await ground.partition(await ground.tenant(), 40)
  const first = await ground.worker()
  assert.equal(first.owned.length, 40)
  const second = await ground.worker()
  assert.deepEqual(second.owned, [], 'nothing is taken from a worker that lives')
  const { released } = await first.member.share()
  assert.ok(released.length > 5 && released.length < 35, `${released.length} of 40`)
  await first.member.giveBack(released)
  const taken = (await second.member.share()).claimed
  const key = (of: { partition: number }): number => of.partition
  assert.deepEqual(taken.map(key).toSorted(), released.map(key).toSorted())
  assert.ok(taken.every((of) => of.generation === 2))
  const left = await first.member.share()
  assert.deepEqual([left.released, left.lost, left.members, left.owned.length + taken.length], [[], [], 2, 40])
})

test('what a member that ended owned is claimed, and its giving back afterwards takes nothing away', async (t) => {
  const ground = await openGround(t)
  await ground.partition(await ground.tenant(), 2)
  const ended = await ground.worker()
  await ground.admin.query('UPDATE worker_members SET expires_at = clock_timestamp()')
  const successor = await ground.worker()
  assert.equal(successor.owned.length, 2)
  assert.equal(await ended.member.heartbeat(), false, 'an ended membership cannot be renewed')
  await ended.member.giveBack(ended.owned)
  const late = await ended.member.share()
  assert.deepEqual([late.owned, late.claimed, late.lost], [[], [], []])
  assert.equal((await successor.member.share()).owned.length, 2)
})

test('a worker whose lease ended unnoticed is told that all is lost', async (t) => {
  const ground = await openGround(t)
  await ground.partition(await ground.tenant(), 2)
  const { member } = await ground.worker()
  await ground.admin.query('UPDATE worker_members SET expires_at = clock_timestamp()')
  const { lost, owned } = await member.share()
  assert.deepEqual([lost.length, owned], [2, []])
})

test('leaving frees everything at once', async (t) => {
  const ground = await openGround(t)
  await ground.partition(await ground.tenant(), 2)
  const first = await ground.worker()
  await first.member.leave()
  await first.member.leave()
  const second = await ground.worker()
  assert.equal(second.owned.length, 2)
  assert.equal((await second.member.share()).members, 1)
})

test('two workers that claim at once never own the same partition', async (t) => {
  const ground = await openGround(t)
  await ground.partition(await ground.tenant(), 60)
  const stores = await Promise.all([ground.openStore(), ground.openStore(), ground.openStore()])
  const members = await Promise.all(
    stores.map((store) => openMembership(store, { worker: uuidv7(), leaseSeconds: 30 })),
  )
  for (let round = 0; round < 3; round++) {
    const shares = await Promise.all(members.map((member) => member.share()))
    const all = shares.flatMap((share) => share.owned.map((of) => of.partition))
    assert.equal(new Set(all).size, all.length)
    await Promise.all(members.map((member, i) => member.giveBack(shares[i]?.released ?? [])))
  }
  const owned = (await Promise.all(members.map((member) => member.share()))).flatMap((share) => share.owned)
  assert.equal(owned.length, 60)
})

test('a name serves for one life', async (t) => {
  const ground = await openGround(t)
  const { member } = await ground.worker()
  await assert.rejects(openMembership(ground.store, { worker: member.worker, leaseSeconds: 30 }), WorkerNameTaken)
})

test('a partition that a late commit of its old owner still holds is left for the next call', async (t) => {
  const ground = await openGround(t)
  await ground.partition(await ground.tenant(), 2)
  const held = ground.store.asSystem(async (sql) => {
    await sql.query('SELECT FROM source_partitions WHERE partition = 0 FOR NO KEY UPDATE')
    const { member, owned } = await ground.worker()
    assert.deepEqual(
      owned.map((of) => of.partition),
      [1],
    )
    return member
  })
  const member = await held
  assert.deepEqual(
    (await member.share()).claimed.map((of) => of.partition),
    [0],
  )
})

test('a claim whose answer was lost is freed and claimed anew, with a new generation', async (t) => {
  const ground = await openGround(t)
  await ground.partition(await ground.tenant())
  const proxy = await openProxy(t, ground.pg.appUrl)
  const store = await ground.openStore(proxy.url)
  const member = await openMembership(store, { worker: uuidv7(), leaseSeconds: 30 })
  await ground.admin.query('UPDATE source_partitions SET owner = $1, generation = 1', [member.worker]) // what the lost claim did
  assert.deepEqual((await member.share()).owned, [])
  const [claimed] = (await member.share()).claimed
  assert.equal(claimed?.generation, 2)
})

test('the claim of a successor and a late commit of the old owner never both win', async (t) => {
  const ground = await openGround(t)
  const tenantId = await ground.tenant()
  const dataset = await ground.dataset(tenantId)
  await ground.partition(tenantId)
  let pointer = 'm0'
  let offset = 0
  for (let round = 0; round < 12; round++) {
    const old = await ground.worker()
    const commit = await flushOf(ground, dataset, old, { from: pointer, nextOffset: offset + 2 })
    await ground.admin.query('UPDATE worker_members SET expires_at = clock_timestamp()')
    const next = await openMembership(ground.store, { worker: uuidv7(), leaseSeconds: 30 })
    const [outcome, share] = await Promise.all([commitFlush(ground.store, commit), next.share()])
    const owned = share.owned.length === 1 ? share.owned : (await next.share()).owned // it was locked by the commit
    if (outcome.kind === 'committed') {
      pointer = commit.datasets[0]?.table?.to ?? ''
      offset += 2
    } else assert.equal(outcome.kind, 'fenced')
    assert.equal(owned[0]?.nextOffset, offset, 'the successor starts where the last commit ended')
    await next.leave()
  }
})

test('after a rewind reading begins again, nothing counts as settled, and what was built before is fenced', async (t) => {
  const ground = await openGround(t)
  const dataset = await ground.dataset(await ground.tenant())
  await ground.partition(dataset.tenantId)
  const worker = await ground.worker()
  const first = await flushOf(ground, dataset, worker, { nextOffset: 50, to: 'm1' })
  assert.equal((await commitFlush(ground.store, first)).kind, 'committed')
  await ground.admin.query('INSERT INTO settled_marks SELECT topic_id, partition, now(), 50 FROM source_partitions')
  const late = await flushOf(ground, dataset, worker, { nextOffset: 60, from: 'm1' })
  const [source] = worker.owned
  assert.ok(source)
  const again = await worker.member.rewind(source, 3)
  assert.deepEqual(again, { ...source, generation: 2, flushes: 1, nextOffset: 3, settled: new Map() })
  assert.equal((await commitFlush(ground.store, late)).kind, 'fenced')
  assert.deepEqual(await ground.admin.query('SELECT FROM settled_marks'), [])
  const share = await worker.member.share()
  assert.deepEqual([share.owned, share.lost], [[again], []])
  const next = await flushOf(ground, dataset, { member: worker.member, owned: [again] }, { nextOffset: 5, from: 'm1' })
  assert.equal((await commitFlush(ground.store, next)).kind, 'committed')
  assert.equal(await worker.member.rewind(source, 0), undefined, 'not by the old generation')
})

test('a leader epoch is noted for the next owner, by the present one alone, and forgotten with a rewind', async (t) => {
  const ground = await openGround(t)
  await ground.partition(await ground.tenant(), 2)
  const first = await ground.worker()
  const [one, two] = first.owned.toSorted((a, b) => a.partition - b.partition)
  assert.ok(one && two)
  const late = { ...two, generation: two.generation - 1, epoch: 9 }
  const noted = await first.member.noteEpochs([{ ...one, epoch: 4 }, late])
  assert.deepEqual([...noted], [`${one.topicId}/0`])
  await first.member.leave()
  const { member, owned } = await ground.worker()
  assert.deepEqual(
    new Map(owned.map((of) => [of.partition, of.epoch])),
    new Map([
      [0, 4],
      [1, undefined],
    ]),
  )
  assert.deepEqual([...(await first.member.noteEpochs([{ ...one, epoch: 5 }]))], [], 'not by a former owner')
  const again = await member.rewind(owned.find((of) => of.partition === 0) ?? one, 0)
  assert.equal(again?.generation, 3)
  assert.equal(again.epoch, undefined)
})

test('a retired partition is claimed by nobody', async (t) => {
  const ground = await openGround(t)
  await ground.partition(await ground.tenant(), 2)
  const { member, owned } = await ground.worker()
  const [gone, kept] = owned
  assert.ok(gone && kept)
  await member.retire(gone)
  assert.deepEqual((await member.share()).owned, [kept])
  await member.leave()
  const successor = await ground.worker()
  assert.deepEqual(
    successor.owned.map((of) => of.partition),
    [kept.partition],
  )
})

test('what somebody claimed between a look and the claim stays with whoever was first', async (t) => {
  const ground = await openGround(t)
  await ground.partition(await ground.tenant(), 16)
  const looked = Promise.withResolvers<void>()
  const goOn = Promise.withResolvers<void>()
  let calls = 0
  const slow: Store = {
    ...ground.store,
    async asSystem(act, options) {
      if ((calls += 1) === 3) {
        looked.resolve()
        await goOn.promise
      }
      return ground.store.asSystem(act, options)
    },
  }
  const late = await openMembership(slow, { worker: `w-${uuidv7()}`, leaseSeconds: 30 })
  const sharing = late.share() // looks while it is alone, so that all of it seems its own
  await looked.promise
  const { owned } = await ground.worker()
  assert.ok(owned.length > 0 && owned.length < 16)
  goOn.resolve()
  assert.equal((await sharing).claimed.length, 16 - owned.length)
  const [row] = await ground.admin.query('SELECT max(generation)::int AS most FROM source_partitions')
  assert.equal(row?.['most'], 1, 'nobody was claimed from')
})
