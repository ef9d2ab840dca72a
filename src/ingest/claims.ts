import type { Sql, Store } from '../store/index.ts'
import type { FencedPartition, SourcePartition } from './flush-commit.ts'
import { ownerOf } from './rendezvous.ts'

/** A partition that this worker owns, and where to read on. */
export interface OwnedPartition extends SourcePartition {
  readonly topic: string
  readonly tenantId: string
  /** Goes into every commit: a partition claimed again has another one. */
  readonly generation: number
  /** As of the claim: flushes committed on it, ever. Goes into every commit, too. */
  readonly flushes: number
  /** As of the claim, the first offset to fetch. */
  readonly nextOffset: number
  /** As of the claim, the highest leader epoch that was read; absent where none was noted. */
  readonly epoch?: number
  /** As of the claim, per dataset id (or `NIL_DATASET`): a record below is a re-read. */
  readonly settled: ReadonlyMap<string, number>
}

export interface Share {
  /** Newly ours by this call. */
  readonly claimed: readonly OwnedPartition[]
  /** Owned, but by the members now alive no longer our share: flush them, then `giveBack`. Named again until then. */
  readonly released: readonly OwnedPartition[]
  /** No longer ours without our doing: drop what is buffered, its commit would be refused. */
  readonly lost: readonly OwnedPartition[]
  /** All that is ours in Postgres after this call, `released` included until given back. */
  readonly owned: readonly OwnedPartition[]
  /** Live members, this one included. */
  readonly members: number
}

export interface Membership extends AsyncDisposable {
  readonly worker: string
  /** Renews the lease; call at least three times a lease. False: it had ended, everything owned is lost. */
  heartbeat(): Promise<boolean>
  /** Claims what is free or expired and our share; call about once a second. After the lease ended: all is `lost`. */
  share(): Promise<Share>
  /** Frees partitions for their new owner (after flushing them). Only those still ours by generation. */
  giveBack(partitions: readonly FencedPartition[]): Promise<void>
  /**
   * For a log that was cut back: reading begins again at `nextOffset`, nothing of the partition counts as
   * settled, and whatever was built on the old offsets is fenced. Answers the partition as newly
   * claimed, or undefined when it is not ours any more.
   */
  rewind(partition: FencedPartition, nextOffset: number): Promise<OwnedPartition | undefined>
  /**
   * Notes the leader epochs that are about to be read; to be called before any of their records is consumed. Answers the keys
   * (`sourceKey`) of those noted: not ours any more, or being committed right now, are left out.
   */
  noteEpochs(partitions: readonly (FencedPartition & { readonly epoch: number })[]): Promise<ReadonlySet<string>>
  /** For a topic that is gone or was made anew: its partition is claimed by nobody from now on. */
  retire(partition: FencedPartition): Promise<void>
  /** Gives everything back and ends the membership. Safe to repeat. */
  leave(): Promise<void>
}

/** The name was a member before: a worker's name is for one life, or the sweeper could mistake its files. */
export class WorkerNameTaken extends Error {
  override readonly name = 'WorkerNameTaken'
}

const KEPT_AFTER_END = '1 hour'
const IS_ALIVE = `EXISTS (SELECT FROM public.worker_members m WHERE m.worker = s.owner AND m.expires_at > clock_timestamp())`

/**
 * Makes the worker a live member. `worker` must be unique per start (host, pid and a random part).
 * Throws `WorkerNameTaken` where it is not, `dependency_away` when Postgres is.
 */
export async function openMembership(
  store: Store,
  options: { readonly worker: string; readonly leaseSeconds: number },
): Promise<Membership> {
  const { worker, leaseSeconds } = options
  const owned = new Map<string, OwnedPartition>()
  await store.asSystem((sql) => join(sql, worker, leaseSeconds), { name: 'claim' })

  const leave = async (): Promise<void> => {
    owned.clear()
    await store.asSystem(
      async (sql) => {
        await sql.query('UPDATE public.source_partitions SET owner = NULL WHERE owner = $1', [worker])
        await sql.query('DELETE FROM public.worker_members WHERE worker = $1', [worker])
      },
      { name: 'claim' },
    )
  }
  return {
    worker,
    heartbeat: () => store.asSystem((sql) => beat(sql, worker, leaseSeconds), { name: 'heartbeat' }),
    async share() {
      const seen = await store.asSystem((sql) => look(sql, worker), { name: 'claim' })
      const isMember = seen.members.includes(worker)
      // A claim whose answer was lost: nobody reads those, so they are freed and claimed anew.
      const strays = [...seen.mine].filter(([key]) => !owned.has(key)).map(([, of]) => of)
      if (strays.length > 0) await store.asSystem((sql) => free(sql, worker, strays), { name: 'claim' })
      const lost = [...owned.values()].filter(
        (of) => !isMember || seen.mine.get(keyOf(of))?.generation !== of.generation,
      )
      for (const of of lost) owned.delete(keyOf(of))
      if (!isMember) return { claimed: [], released: [], lost, owned: [], members: seen.members.length }
      const isOurs = (of: SourcePartition): boolean => ownerOf(keyOf(of), seen.members) === worker
      const wanted = seen.free.filter(isOurs)
      const claimed =
        wanted.length === 0 ? [] : await store.asSystem((sql) => claim(sql, worker, wanted), { name: 'claim' })
      for (const of of claimed) owned.set(keyOf(of), of)
      const all = [...owned.values()]
      return { claimed, released: all.filter((of) => !isOurs(of)), lost, owned: all, members: seen.members.length }
    },
    async giveBack(partitions) {
      if (partitions.length === 0) return
      await store.asSystem((sql) => free(sql, worker, partitions), { name: 'claim' })
      for (const of of partitions) if (owned.get(keyOf(of))?.generation === of.generation) owned.delete(keyOf(of))
    },
    async rewind(partition, nextOffset) {
      const again = await store.asSystem((sql) => rewind(sql, worker, partition, nextOffset), { name: 'claim' })
      if (again === undefined) owned.delete(keyOf(partition))
      else owned.set(keyOf(partition), again)
      return again
    },
    noteEpochs: (partitions) => store.asSystem((sql) => noteEpochs(sql, worker, partitions), { name: 'claim' }),
    async retire({ topicId, partition, generation }) {
      await store.asSystem(
        (sql) =>
          sql.query(
            `UPDATE public.source_partitions SET owner = NULL, retired_at = clock_timestamp()
           WHERE topic_id = $1 AND partition = $2 AND owner = $3 AND generation = $4`,
            [topicId, partition, worker, generation],
          ),
        { name: 'claim' },
      )
      owned.delete(keyOf({ topicId, partition }))
    },
    leave,
    [Symbol.asyncDispose]: () => leave().catch(() => {}), // Postgres away: the lease ends by itself
  }
}

const keyOf = (of: SourcePartition): string => `${of.topicId}/${of.partition}`

async function join(sql: Sql, worker: string, leaseSeconds: number): Promise<void> {
  const joined = await sql.query(
    `INSERT INTO public.worker_members (worker, expires_at) VALUES ($1, clock_timestamp() + make_interval(secs => $2))
     ON CONFLICT DO NOTHING RETURNING worker`,
    [worker, leaseSeconds],
  )
  if (joined.length === 0)
    throw new WorkerNameTaken(`The worker name "${worker}" was a member before: give each start a new one.`)
  await sql.query(`DELETE FROM public.worker_members WHERE expires_at < clock_timestamp() - $1::interval`, [
    KEPT_AFTER_END,
  ])
}

async function beat(sql: Sql, worker: string, leaseSeconds: number): Promise<boolean> {
  const renewed = await sql.query(
    `UPDATE public.worker_members SET expires_at = clock_timestamp() + make_interval(secs => $2)
     WHERE worker = $1 AND expires_at > clock_timestamp() RETURNING worker`,
    [worker, leaseSeconds],
  )
  return renewed.length === 1
}

interface Seen {
  readonly members: readonly string[]
  readonly free: readonly SourcePartition[]
  /** What is ours, by key. */
  readonly mine: ReadonlyMap<string, FencedPartition>
}

/** Members, what nobody alive owns, and what is ours: a look that locks nothing. */
async function look(sql: Sql, worker: string): Promise<Seen> {
  const [members, partitions] = await Promise.all([
    sql.query<{ worker: string }>('SELECT worker FROM public.worker_members WHERE expires_at > clock_timestamp()'),
    sql.query<{ topic_id: string; partition: number; generation: string; is_mine: boolean; is_free: boolean }>(
      `SELECT topic_id, partition, generation, coalesce(owner = $1, false) AS is_mine, NOT ${IS_ALIVE} AS is_free
       FROM public.source_partitions s
       WHERE retired_at IS NULL AND (owner IS NULL OR owner = $1
          OR owner NOT IN (SELECT worker FROM public.worker_members WHERE expires_at > clock_timestamp()))`,
      [worker],
    ),
  ])
  return {
    members: members.map((row) => row.worker),
    free: partitions.filter((row) => row.is_free).map((row) => ({ topicId: row.topic_id, partition: row.partition })),
    mine: new Map(
      partitions
        .filter((row) => row.is_mine)
        .map((row) => ({ topicId: row.topic_id, partition: row.partition, generation: Number(row.generation) }))
        .map((of) => [keyOf(of), of]),
    ),
  }
}

/** Gives up what is ours by generation, rows in the order that everybody locks them in. */
async function free(sql: Sql, worker: string, partitions: readonly FencedPartition[]): Promise<void> {
  await sql.query(
    `UPDATE public.source_partitions s SET owner = NULL
     FROM (SELECT s.topic_id, s.partition FROM public.source_partitions s JOIN unnest($2::uuid[], $3::int[], $4::bigint[])
             AS given (topic_id, partition, generation) USING (topic_id, partition, generation)
           WHERE s.owner = $1 ORDER BY s.topic_id, s.partition FOR NO KEY UPDATE OF s) AS mine
     WHERE s.topic_id = mine.topic_id AND s.partition = mine.partition`,
    [
      worker,
      partitions.map((of) => of.topicId),
      partitions.map((of) => of.partition),
      partitions.map((of) => of.generation),
    ],
  )
}

/**
 * Owner and generation in one statement, for what is still free at that moment by Postgres' clock.
 * A partition that is locked (a late commit of its old owner) is left for the next call.
 */
async function claim(sql: Sql, worker: string, wanted: readonly SourcePartition[]): Promise<OwnedPartition[]> {
  const claimed = await sql.query<PartitionRow>(
    `UPDATE public.source_partitions s SET owner = $1, generation = s.generation + 1
     FROM (SELECT s.topic_id, s.partition FROM public.source_partitions s JOIN unnest($2::uuid[], $3::int[])
             AS wanted (topic_id, partition) USING (topic_id, partition)
           WHERE s.retired_at IS NULL AND NOT ${IS_ALIVE} ORDER BY s.topic_id, s.partition FOR NO KEY UPDATE OF s SKIP LOCKED) AS free
     WHERE s.topic_id = free.topic_id AND s.partition = free.partition
       AND EXISTS (SELECT FROM public.worker_members WHERE worker = $1 AND expires_at > clock_timestamp())
     RETURNING s.topic_id, s.partition, s.topic, s.tenant_id, s.generation, s.flushes, s.next_offset, s.leader_epoch`,
    [worker, wanted.map((of) => of.topicId), wanted.map((of) => of.partition)],
  )
  if (claimed.length === 0) return []
  // After the update and in its transaction: whoever owned them before has committed, or never will.
  const settled = await sql.query<{ topic_id: string; partition: number; dataset_id: string; next_offset: string }>(
    `SELECT topic_id, partition, dataset_id, o.next_offset
     FROM unnest($1::uuid[], $2::int[], $3::bigint[]) AS claimed (topic_id, partition, next_offset)
     JOIN public.settled_offsets o USING (topic_id, partition) WHERE o.next_offset > claimed.next_offset`,
    [claimed.map((row) => row.topic_id), claimed.map((row) => row.partition), claimed.map((row) => row.next_offset)],
  )
  const offsets = new Map<string, Map<string, number>>()
  for (const row of settled) {
    const key = keyOf({ topicId: row.topic_id, partition: row.partition })
    const of = offsets.get(key) ?? new Map<string, number>()
    of.set(row.dataset_id, Number(row.next_offset))
    offsets.set(key, of)
  }
  return claimed.map((row) =>
    ownedOf(row, offsets.get(keyOf({ topicId: row.topic_id, partition: row.partition })) ?? new Map()),
  )
}

interface PartitionRow {
  readonly topic_id: string
  readonly partition: number
  readonly topic: string
  readonly tenant_id: string
  readonly generation: string
  readonly flushes: string
  readonly next_offset: string
  readonly leader_epoch: number | null
}

const ownedOf = (row: PartitionRow, settled: ReadonlyMap<string, number>): OwnedPartition => ({
  topicId: row.topic_id,
  topic: row.topic,
  partition: row.partition,
  tenantId: row.tenant_id,
  generation: Number(row.generation),
  flushes: Number(row.flushes),
  nextOffset: Number(row.next_offset),
  ...(row.leader_epoch !== null && { epoch: row.leader_epoch }),
  settled,
})

async function rewind(
  sql: Sql,
  worker: string,
  at: FencedPartition,
  nextOffset: number,
): Promise<OwnedPartition | undefined> {
  const [row] = await sql.query<PartitionRow>(
    `UPDATE public.source_partitions SET generation = generation + 1, rewound = rewound + 1, next_offset = $5, deleted_below = 0,
       leader_epoch = NULL
     WHERE topic_id = $1 AND partition = $2 AND owner = $3 AND generation = $4
     RETURNING topic_id, partition, topic, tenant_id, generation, flushes, next_offset, leader_epoch`,
    [at.topicId, at.partition, worker, at.generation, nextOffset],
  )
  if (row === undefined) return undefined
  // The marks too, or the bus would be told to forget what is read again now.
  for (const table of ['settled_offsets', 'settled_marks']) {
    await sql.query(`DELETE FROM public.${table} WHERE topic_id = $1 AND partition = $2`, [at.topicId, at.partition])
  }
  return ownedOf(row, new Map())
}

/** A partition that is locked (by a commit) is left for the next time: reading does not wait for it. */
async function noteEpochs(
  sql: Sql,
  worker: string,
  partitions: readonly (FencedPartition & { readonly epoch: number })[],
): Promise<ReadonlySet<string>> {
  const noted = await sql.query<{ topic_id: string; partition: number }>(
    `UPDATE public.source_partitions s SET leader_epoch = mine.epoch
     FROM (SELECT s.topic_id, s.partition, given.epoch FROM public.source_partitions s
             JOIN unnest($2::uuid[], $3::int[], $4::bigint[], $5::int[])
               AS given (topic_id, partition, generation, epoch) USING (topic_id, partition, generation)
           WHERE s.owner = $1 ORDER BY s.topic_id, s.partition FOR NO KEY UPDATE OF s SKIP LOCKED) AS mine
     WHERE s.topic_id = mine.topic_id AND s.partition = mine.partition
     RETURNING s.topic_id, s.partition`,
    [
      worker,
      partitions.map((of) => of.topicId),
      partitions.map((of) => of.partition),
      partitions.map((of) => of.generation),
      partitions.map((of) => of.epoch),
    ],
  )
  return new Set(noted.map((row) => keyOf({ topicId: row.topic_id, partition: row.partition })))
}
