import type { Bus, OutgoingRecord, Publisher, PublishVerdict } from '../bus/index.ts'
import { RECORD_HEADERS, dlqTopic } from '../event/index.ts'
import type { Store } from '../store/index.ts'
import { announce } from '../telemetry/index.ts'

/** One batch of one source partition: bounded in records and in bytes (or one record that is larger). */
const RECORDS = 500
const BYTES = 4 << 20
/** Source partitions of one turn, and how many of them at once. */
const SOURCES = 200
const AT_ONCE = 8
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 60_000

interface Relay extends AsyncDisposable {
  /**
   * One turn: a batch of every source partition of `worker` that has dead letters to relay. Answers
   * how many records the topics have acknowledged; more than none means that it is worth calling
   * again at once. A topic that takes none is left alone for a growing while, and stops nobody else.
   */
  turn(worker: string, signal?: AbortSignal): Promise<number>
}

interface Waiting {
  readonly topic_id: string
  readonly partition: number
  readonly tenant_id: string
}

type Kept = string | { readonly base64: string }
interface Letter {
  readonly number: string
  readonly topic: string
  readonly source_offset: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: ReadonlyArray<readonly [Kept, Kept]>
  readonly reason: string
  readonly error: string
}

/**
 * Copies dead letters to their tenants' topics, in order per source partition and at least once: a
 * letter is marked after its acknowledgement, and only while everything before it was acknowledged.
 */
export function openRelay(store: Store, bus: Pick<Bus, 'publisher'>): Relay {
  const publisher = bus.publisher()
  const paused = new Map<string, { untilMs: number; pauseMs: number }>()

  const relayOne = async (source: Waiting): Promise<number> => {
    const key = `${source.topic_id}/${source.partition}`
    const { relayed, failed } = await relayBatch(store, publisher, source)
    if (failed === 0) paused.delete(key)
    else {
      const pauseMs = Math.min((paused.get(key)?.pauseMs ?? FIRST_PAUSE_MS / 2) * 2, LONGEST_PAUSE_MS)
      paused.set(key, { untilMs: performance.now() + pauseMs, pauseMs })
    }
    return relayed
  }
  return {
    async turn(worker, signal) {
      const waiting = await store.asSystem(
        (sql) =>
          sql.query<Waiting>('SELECT * FROM public.dead_letters_waiting($1, $2)', [worker, SOURCES + paused.size]),
        { name: 'relay' },
      )
      const now = performance.now()
      const due = waiting.filter((of) => (paused.get(`${of.topic_id}/${of.partition}`)?.untilMs ?? 0) <= now).values()
      let relayed = 0
      const work = async (): Promise<void> => {
        for (const source of due) {
          if (signal?.aborted === true) return
          const some = await relayOne(source) // not `+= await`: that would read the sum before the wait
          relayed += some
        }
      }
      await Promise.all(Array.from({ length: AT_ONCE }, work))
      return relayed
    },
    [Symbol.asyncDispose]: () => publisher[Symbol.asyncDispose](),
  }
}

/** The same for one turn, for whoever needs no more. */
export async function relayDeadLetters(store: Store, bus: Pick<Bus, 'publisher'>, worker: string): Promise<number> {
  await using relay = openRelay(store, bus)
  return await relay.turn(worker)
}

async function relayBatch(
  store: Store,
  publisher: Publisher,
  source: Waiting,
): Promise<{ relayed: number; failed: number }> {
  const { letters, slug } = await nextLetters(store, source)
  if (letters.length === 0) return { relayed: 0, failed: 0 }
  const verdicts = await publisher.publish(letters.map((letter) => copyOf(letter, source)))
  const settled = untilFailure(verdicts)
  const refused = verdicts.slice(0, settled).filter((verdict) => verdict !== null).length
  if (settled > 0) await markRelayed(store, source, letters.slice(0, settled), verdicts)
  const relayed = settled - refused
  if (relayed > 0) announce('worker.dead_letters.relayed', { tenant: slug, events: relayed })
  const refusals = verdicts.slice(settled).filter((verdict) => verdict !== null)
  const [first] = refusals
  if (first !== undefined) {
    const detail = `${first.code}: ${first.detail}`
    announce('worker.dead_letters.unrelayed', { tenant: slug, events: refusals.length, detail })
  }
  return { relayed, failed: verdicts.length - settled }
}

/** How many from the first on are done with: acknowledged, or too large for the topic for ever. */
function untilFailure(verdicts: readonly PublishVerdict[]): number {
  const at = verdicts.findIndex((verdict) => verdict !== null && verdict.code !== 'too_large')
  return at === -1 ? verdicts.length : at
}

/** `octet_length` reads no toasted value, so that the batch is cut before its bytes are fetched. */
const NEXT = `SELECT number, topic, source_offset, key, value, headers, reason, error FROM public.dead_letters
  WHERE topic_id = $1 AND partition = $2 AND relayed_at IS NULL AND number IN (
    SELECT number FROM (
      SELECT number, row_number() OVER w AS nth, sum(coalesce(octet_length(value), 0)) OVER w AS bytes FROM (
        SELECT number, value FROM public.dead_letters
        WHERE topic_id = $1 AND partition = $2 AND relayed_at IS NULL ORDER BY number LIMIT $3) AS head
      WINDOW w AS (ORDER BY number)) AS cut
    WHERE nth = 1 OR bytes <= $4)
  ORDER BY number`

const nextLetters = (store: Store, source: Waiting): Promise<{ letters: Letter[]; slug: string }> =>
  store.asTenant(
    source.tenant_id,
    async (sql) => {
      const [letters, [tenant]] = await Promise.all([
        sql.query<Letter>(NEXT, [source.topic_id, source.partition, RECORDS, BYTES]),
        sql.query<{ slug: string }>('SELECT slug FROM public.tenants'),
      ])
      return { letters, slug: tenant?.slug ?? '_unknown' }
    },
    { name: 'relay' },
  )

async function markRelayed(
  store: Store,
  source: Waiting,
  letters: readonly Letter[],
  verdicts: readonly PublishVerdict[],
): Promise<void> {
  await store.asTenant(
    source.tenant_id,
    (sql) =>
      sql.query(
        `UPDATE public.dead_letters d SET relayed_at = clock_timestamp(), relay_refused = m.refused
       FROM unnest($3::bigint[], $4::text[]) AS m (number, refused)
       WHERE d.topic_id = $1 AND d.partition = $2 AND d.relayed_at IS NULL AND d.number = m.number`,
        [
          source.topic_id,
          source.partition,
          letters.map((letter) => letter.number),
          letters.map((_, i) => verdicts[i]?.detail ?? null),
        ],
      ),
    { name: 'relay' },
  )
}

const EMPTY = Buffer.alloc(0)
const bytesOf = (kept: Kept): Buffer =>
  typeof kept === 'string' ? Buffer.from(kept) : Buffer.from(kept.base64, 'base64')

function copyOf(letter: Letter, source: Waiting): OutgoingRecord {
  const added: ReadonlyArray<readonly [string, string]> = [
    [RECORD_HEADERS.reason, letter.reason],
    [RECORD_HEADERS.error, letter.error],
    [RECORD_HEADERS.source, `${letter.topic}/${source.partition}/${letter.source_offset}`],
  ]
  return {
    topic: dlqTopic(source.tenant_id),
    key: letter.key ?? EMPTY,
    value: letter.value ?? EMPTY,
    headers: {
      entries: [...letter.headers, ...added].map(([name, value]) => [bytesOf(name), bytesOf(value)] as const),
    },
  }
}
