import type { Bus } from '../bus/index.ts'
import type { Store } from '../store/index.ts'
import { announce } from '../telemetry/index.ts'

/** Opens the ledger's next part when the newest has covered `dedupDays`, and drops what is older than the two. */
export async function rotateLedger(store: Store, dedupDays: number): Promise<boolean> {
  const [rotated] = await store.asSystem(
    (sql) =>
      sql.query<{ added: string; dropped: string | null }>('SELECT * FROM public.ledger_rotate($1)', [dedupDays]),
    { name: 'upkeep' },
  )
  if (rotated === undefined) return false
  announce('upkeep.ledger.rotated', { added: rotated.added, dropped: rotated.dropped ?? undefined })
  return true
}

/** Makes the days ahead of `dead_letters` and drops those older than `keepDays`. Answers the names dropped. */
export async function retainDeadLetters(store: Store, keepDays: number): Promise<string[]> {
  const dropped = await store.asSystem(
    (sql) => sql.query<{ name: string }>('SELECT * FROM public.dead_letters_retain($1) AS name', [keepDays]),
    { name: 'dead_letters' },
  )
  return dropped.map((row) => row.name)
}

interface Gone {
  readonly gone: string
}

/** Deletes flushes that nothing names any more, `atMost` a transaction, until none is left. Answers how many. */
export const pruneFlushes = (store: Store, keepDays: number, atMost = 10_000): Promise<number> =>
  untilFewer(atMost, () =>
    store.asSystem((sql) => sql.query<Gone>('SELECT public.flushes_prune($1, $2) AS gone', [keepDays, atMost]), {
      name: 'upkeep',
    }),
  )

/** The same with what the audit has of more than `keepDays` ago. */
export const pruneAudit = (store: Store, keepDays: number, atMost = 10_000): Promise<number> =>
  untilFewer(atMost, () =>
    store.asSystem((sql) => sql.query<Gone>('SELECT public.audit_prune($1, $2) AS gone', [keepDays, atMost]), {
      name: 'audit',
    }),
  )

async function untilFewer(atMost: number, act: () => Promise<readonly Gone[]>): Promise<number> {
  for (let gone = 0; ;) {
    const more = Number((await act())[0]?.gone ?? 0)
    gone += more
    if (more < atMost) return gone
  }
}

/** Notes how far every partition is settled now: what the next function looks back at. */
export async function markSettled(store: Store): Promise<void> {
  await store.asSystem(
    (sql) =>
      sql.query(
        `INSERT INTO public.settled_marks (topic_id, partition, next_offset)
       SELECT s.topic_id, s.partition, s.next_offset FROM public.source_partitions s
       WHERE s.next_offset > coalesce((SELECT m.next_offset FROM public.settled_marks m
         WHERE m.topic_id = s.topic_id AND m.partition = s.partition ORDER BY m.at DESC LIMIT 1), 0)
       ON CONFLICT DO NOTHING`,
      ),
    { name: 'upkeep' },
  )
}

interface Due {
  readonly topicId: string
  readonly topic: string
  readonly partition: number
  readonly beforeOffset: number
  readonly markedAt: string
}

/** Asked of the bus at once. */
const PARTITIONS = 500

/**
 * Lets the bus forget records that have been settled longer than `retentionHours`: below the last
 * mark of that age, never beyond it. A topic that was re-created under its name has other records at
 * these offsets, so its id is asked first. Answers how many partitions.
 */
export async function deleteSettledRecords(
  store: Store,
  bus: Pick<Bus, 'admin'>,
  retentionHours: number,
): Promise<number> {
  let partitions = 0
  let fault: unknown
  // All that is due, page by page: a bus whose later partitions never had their turn would fill up.
  for (let after: Due | undefined, isMore = true; isMore;) {
    const due = await settledBefore(store, retentionHours, after)
    after = due.at(-1)
    const done = await forget(store, bus, due)
    isMore = due.length === PARTITIONS && (done.fault === undefined || done.partitions > 0) // a bus that is away is not asked on
    partitions += done.partitions
    fault ??= done.fault
  }
  if (fault !== undefined) throw fault
  return partitions
}

async function forget(
  store: Store,
  bus: Pick<Bus, 'admin'>,
  due: readonly Due[],
): Promise<{ partitions: number; fault: unknown }> {
  const topics = new Map(
    (await bus.admin.describeTopics([...new Set(due.map((of) => of.topic))])).map((topic) => [topic.name, topic]),
  )
  const present = due.filter((of) => topics.get(of.topic)?.topicId === of.topicId)
  const deleted: Due[] = []
  let fault: unknown
  try {
    if (present.length > 0) await bus.admin.deleteRecords(present)
    deleted.push(...present)
  } catch {
    for (const of of present) {
      try {
        await bus.admin.deleteRecords([of])
        deleted.push(of)
      } catch (error) {
        fault ??= error
      }
    }
  }
  const absent = due.filter((of) => !present.includes(of)) // nothing of theirs is left to delete
  await noteDeleted(store, [...deleted, ...absent])
  for (const { topic, partition, beforeOffset } of deleted)
    announce('upkeep.records.deleted', { topic, partition, beforeOffset })
  return { partitions: deleted.length, fault }
}

async function settledBefore(store: Store, retentionHours: number, after: Due | undefined): Promise<Due[]> {
  const rows = await store.asSystem(
    (sql) =>
      sql.query<{ topic_id: string; topic: string; partition: number; next_offset: string; at: string }>(
        `SELECT DISTINCT ON (m.topic_id, m.partition) m.topic_id, s.topic, m.partition, m.next_offset, m.at::text AS at
       FROM public.settled_marks m JOIN public.source_partitions s USING (topic_id, partition)
       WHERE m.at <= clock_timestamp() - make_interval(secs => $1) AND m.next_offset > s.deleted_below
         AND ($3::uuid IS NULL OR (m.topic_id, m.partition) > ($3, $4::int))
       ORDER BY m.topic_id, m.partition, m.at DESC LIMIT $2`,
        [retentionHours * 3600, PARTITIONS, after?.topicId ?? null, after?.partition ?? 0],
      ),
    { name: 'upkeep' },
  )
  return rows.map((row) => ({
    topicId: row.topic_id,
    topic: row.topic,
    partition: row.partition,
    beforeOffset: Number(row.next_offset),
    markedAt: row.at,
  }))
}

async function noteDeleted(store: Store, done: readonly Due[]): Promise<void> {
  if (done.length === 0) return
  const columns = [done.map((of) => of.topicId), done.map((of) => of.partition)]
  await store.asSystem(
    async (sql) => {
      await sql.query(
        `UPDATE public.source_partitions s SET deleted_below = d.below
       FROM (SELECT s.topic_id, s.partition, d.below FROM public.source_partitions s
             JOIN unnest($1::uuid[], $2::int[], $3::bigint[]) AS d (topic_id, partition, below) USING (topic_id, partition)
             ORDER BY s.topic_id, s.partition FOR NO KEY UPDATE OF s) AS d
       WHERE s.topic_id = d.topic_id AND s.partition = d.partition AND s.deleted_below < d.below`,
        [...columns, done.map((of) => of.beforeOffset)],
      )
      await sql.query(
        `DELETE FROM public.settled_marks m USING unnest($1::uuid[], $2::int[], $3::timestamptz[]) AS d (topic_id, partition, at)
       WHERE m.topic_id = d.topic_id AND m.partition = d.partition AND m.at < d.at`,
        [...columns, done.map((of) => of.markedAt)],
      )
    },
    { name: 'upkeep' },
  )
}
