import type { Bus, FetchedRecord, PartitionOffsets, Reader, SourcePosition } from '../bus/index.ts'
import { RECORD_HEADERS, rawTopic, rfc3339Micros, type Clock } from '../event/index.ts'
import type { Sql } from '../store/index.ts'

/** How far a partition is settled: every record below is a row, a duplicate or a dead letter. */
interface SettledOffset {
  readonly topicId: string
  readonly partition: number
  readonly nextOffset: number
}

/** Where a tenant's partitions ended at an instant. */
interface Ends {
  readonly tenantId: string
  readonly atMs: number
  /** Undefined where the bus did not say it of all of them. */
  readonly partitions: readonly PartitionOffsets[] | undefined
}

/**
 * How far a tenant's events are settled, by what the bus has and what Postgres says is settled. Nobody keeps it: a worker's own
 * watermark is in its memory, and written down it would be a write a second for every tenant, events or not.
 */
export interface Watermarks extends AsyncDisposable {
  /** What is appended by now, asked at most once in half a second a tenant. Never rejects. */
  ends(tenantId: string): Promise<Ends>
  /**
   * An instant (RFC 3339) before which everything that was acknowledged is settled, given what Postgres said *after* the ends were
   * asked for; null where nobody can say. By the API's clock. Never rejects.
   */
  of(ends: Ends, settled: readonly SettledOffset[]): Promise<string | null>
}

const FRESH_MS = 500
const MOST_TENANTS = 1_000
/** A question to the bus that takes longer is a bus that is away, to whoever waits for a receipt. */
const ASK_MS = 2_000
const READ_MS = 500
const READ_BYTES = 1 << 20
/** Receipts that wait for the reader; the next are told that nobody can say. */
const MOST_WAITING = 32

export function openWatermarks(bus: Pick<Bus, 'admin' | 'reader'>, clock: Clock): Watermarks {
  const known = new Map<string, Promise<Ends>>()
  /** One reader, one question at a time. */
  let reader: Reader | undefined
  let turn: Promise<unknown> = Promise.resolve()
  let waiting = 0

  async function ask(tenantId: string, atMs: number): Promise<Ends> {
    const [topic] = await bus.admin.describeTopics([rawTopic(tenantId)])
    if (topic === undefined) return { tenantId, atMs, partitions: undefined }
    const wanted = Array.from({ length: topic.partitions }, (_, partition) => ({ topic: topic.name, partition }))
    const partitions = await bus.admin.offsets(wanted)
    return { tenantId, atMs, partitions: partitions.length === wanted.length ? partitions : undefined }
  }

  /** When the first record of each position was received; undefined where one cannot be read in time. */
  async function receivedAt(positions: readonly SourcePosition[]): Promise<number | undefined> {
    if (waiting >= MOST_WAITING) return undefined
    waiting += 1
    const mine = turn.then(async () => {
      reader ??= bus.reader()
      return await oldestOf(reader, positions)
    })
    turn = mine.catch(() => undefined).finally(() => (waiting -= 1))
    return await within(ASK_MS, mine)
  }

  return {
    async ends(tenantId) {
      const nowMs = clock.now()
      const last = await known.get(tenantId)
      if (last !== undefined && nowMs - last.atMs < FRESH_MS && nowMs >= last.atMs) return last
      const nothing = { tenantId, atMs: nowMs, partitions: undefined }
      const asked = within(ASK_MS, ask(tenantId, nowMs)).then((ends) => ends ?? nothing)
      if (known.size >= MOST_TENANTS) known.clear()
      known.set(tenantId, asked)
      return await asked
    },
    async of({ atMs, partitions }, settled) {
      if (partitions === undefined || partitions.length === 0) return null
      const behind: SourcePosition[] = []
      for (const { topicId, topic, partition, earliest, latest } of partitions) {
        const known = settled.find((one) => one.topicId === topicId && one.partition === partition)
        // What was removed from the bus is not waited for; a partition that no worker knows yet is read from its start.
        const offset = Math.max(known?.nextOffset ?? 0, earliest)
        if (offset < latest) behind.push({ topicId, topic, partition, offset })
      }
      const oldest = behind.length === 0 ? atMs : await receivedAt(behind).catch(() => undefined)
      // Received in the future: whatever lies behind it may have been acknowledged at any time before.
      if (oldest === undefined || oldest > clock.now()) return null
      return rfc3339Micros(Math.min(oldest, atMs))
    },
    async [Symbol.asyncDispose]() {
      await turn
      await reader?.[Symbol.asyncDispose]()
    },
  }
}

/**
 * The bus keeps the order of appending, and an event is received before it is appended: what was acknowledged before the first
 * record that is not settled was received lies before that record, and is settled.
 */
async function oldestOf(reader: Reader, positions: readonly SourcePosition[]): Promise<number | undefined> {
  const left = new Map(positions.map((position) => [`${position.topicId}/${position.partition}`, position]))
  const untilMs = performance.now() + READ_MS
  let oldest = Number.POSITIVE_INFINITY
  while (left.size > 0) {
    const maxWaitMs = Math.ceil(untilMs - performance.now())
    if (maxWaitMs <= 0) return undefined
    const { partitions, problems } = await reader.fetch([...left.values()], { maxBytes: READ_BYTES, maxWaitMs })
    if (problems.length > 0) return undefined
    for (const { topicId, partition, records } of partitions) {
      const position = left.get(`${topicId}/${partition}`)
      const record = records.find(({ offset }) => offset >= (position?.offset ?? 0))
      if (record === undefined) continue
      oldest = Math.min(oldest, receivedMs(record))
      left.delete(`${topicId}/${partition}`)
    }
  }
  return oldest
}

function receivedMs({ headers, timestampMs }: FetchedRecord): number {
  const header = headers.find(([name]) => name.toString('latin1') === RECORD_HEADERS.receivedAt)
  const ms = Date.parse(header?.[1].toString('latin1') ?? '')
  return Number.isNaN(ms) ? timestampMs : ms
}

/** What comes of it within the time, undefined otherwise or where it fails. */
async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => late.resolve(undefined), ms)
  try {
    return await Promise.race([work.catch(() => undefined), late.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** How far those topics' partitions are settled, as far as a worker knows of them. */
export const settledOffsets = async (sql: Sql, { partitions = [] }: Ends): Promise<SettledOffset[]> =>
  (
    await sql.query<{ topicId: string; partition: number; nextOffset: string }>(
      `SELECT topic_id AS "topicId", partition, next_offset AS "nextOffset" FROM public.source_partitions
       WHERE topic_id = ANY ($1::uuid[])`,
      [[...new Set(partitions.map(({ topicId }) => topicId))]],
    )
  ).map((row) => ({ ...row, nextOffset: Number(row.nextOffset) }))
