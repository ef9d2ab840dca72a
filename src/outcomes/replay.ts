import type { Collect } from '../collect/index.ts'
import { Problem, type Fault } from '../problems/index.ts'
import { rfc3339, type Sql, type Store } from '../store/index.ts'
import { idOf, lineOf, type Edit } from './again.ts'
import type { LetterFilter } from './letter-filter.ts'
import { FROM, MEMBERS, isLetterId, loadLetter, type LetterWithPayload } from './letters.ts'
import { problemWithoutQuotes, verdictWithoutQuotes } from './quotes.ts'
import { readSlice, sliceCursor, type Slice } from './slice.ts'

interface ReplayPlaces {
  readonly store: Store
  readonly collect: Collect
}

/** Who asks, as collect wants to know it. */
export interface Replayer extends Pick<Parameters<Collect>[0], 'tenantId' | 'tenantSlug' | 'trace' | 'keepFailed'> {
  /** Whether it may be told what a verdict quotes of an event that somebody else sent. */
  readonly seesPayloads: boolean
}
type Answer = Awaited<ReturnType<Collect>>

/** What became of one letter that was sent again. */
interface Replayed {
  readonly id: string
  readonly event_id: string
  readonly dataset: string | null
  /** `already_replayed`: nothing was sent, its receipt says what became of it. `would_pass`: of a dry run. */
  readonly status: 'replayed' | 'already_replayed' | 'would_pass'
  readonly replayed_at: string | null
}

/**
 * Sends one letter's event again, with other data, or to a dataset where it is of none: through collect, under the event's own id, so
 * that it is one row however often it is sent. Marked only once the bus has it. Undefined where there is no such letter. Rejects with
 * `invalid` for another dataset than its own, and with collect's problem where the event is refused or the bus does not take it; then
 * the letter stays as it was.
 */
export async function replayLetter(
  { store, collect }: ReplayPlaces,
  replayer: Replayer,
  which: { readonly id: string; readonly datasetId: string | undefined },
  { dryRun = false, ...edit }: Edit & { readonly dryRun?: boolean | undefined },
): Promise<{ readonly replayed: Replayed; readonly answer: Answer | undefined } | undefined> {
  if (!isLetterId(which.id)) return undefined
  const { tenantId } = replayer
  const letter = await store.asTenant(tenantId, (sql) => loadLetter(sql, which.id, which.datasetId), {
    name: 'dead_letters',
  })
  if (letter === undefined) return undefined
  const { id, replayed_at: before } = letter
  if (edit.dataset !== undefined && letter.dataset !== null) throw isOf(letter.dataset)
  const about = { id, event_id: idOf(letter), dataset: letter.dataset ?? edit.dataset ?? null }
  if (before !== null)
    return { replayed: { ...about, status: 'already_replayed', replayed_at: before }, answer: undefined }
  const body = lineOf(letter, edit)
  const answer = await collect({ ...replayer, ...ALONE, body, dryRun })
  if (answer.kind === 'problem') {
    const [verdict] = answer.verdicts
    // Whoever sent the data knows them.
    const mayBeTold = replayer.seesPayloads || edit.data !== undefined || verdict === undefined
    throw mayBeTold ? answer.problem : problemWithoutQuotes(answer.problem, verdict)
  }
  if (dryRun) return { replayed: { ...about, status: 'would_pass', replayed_at: null }, answer }
  const at = await mark(store, tenantId, [id])
  return { replayed: { ...about, status: 'replayed', replayed_at: at }, answer }
}

const isOf = (dataset: string): Problem =>
  new Problem('invalid', `The letter is of the dataset "${dataset}" and goes there: leave "dataset" out.`, {
    errors: [{ pointer: '/dataset', keyword: 'dataset', message: 'is for letters of no dataset' }],
  })

const ALONE = { contentType: 'application/json', contentEncoding: undefined }
const LINES = { contentType: 'application/x-ndjson', contentEncoding: undefined }

/**
 * Marks them, of several who do so at once the first. Answers when the last mark was made. In the order that the relay has, too,
 * so that nobody waits for each other in a circle; who would wait too long for a letter is told to try again.
 */
async function mark(store: Store, tenantId: string, ids: readonly string[]): Promise<string | null> {
  try {
    return await store.asTenant(tenantId, (sql) => markAll(sql, ids), { name: 'dead_letters' })
  } catch (error) {
    if (!HELD.has((error as { code?: string }).code ?? '')) throw error
    throw new Problem(
      'dependency_away',
      'Somebody else is holding these letters. Replay again: it makes no second row.',
      {
        retryAfterSeconds: 1,
        cause: error,
      },
    )
  }
}

/** SQLSTATEs of a lock that was not given in time, or that two wait for. */
const HELD = new Set(['55P03', '40P01'])

async function markAll(sql: Sql, ids: readonly string[]): Promise<string | null> {
  await sql.query(
    'SELECT FROM public.dead_letters WHERE number = ANY ($1::bigint[]) ORDER BY number FOR NO KEY UPDATE',
    [ids],
  )
  await sql.query(
    'UPDATE public.dead_letters SET replayed_at = clock_timestamp() WHERE number = ANY ($1::bigint[]) AND replayed_at IS NULL',
    [ids],
  )
  const [row] = await sql.query<{ at: string | null }>(
    `SELECT ${rfc3339('max(l.replayed_at)')} AS at FROM public.dead_letters l WHERE l.number = ANY ($1::bigint[])`,
    [ids],
  )
  return row?.at ?? null
}

/** What became of one slice. Counts are of letters. */
interface ReplayedSlice {
  readonly dry_run: boolean
  readonly examined: number
  /** Sent again; in a dry run, those that would be. */
  readonly replayed: number
  readonly rejected: number
  /** The first of those that are still refused, with the reason. */
  readonly refused: ReadonlyArray<{
    readonly id: string
    readonly event_id: string | null
    readonly code: string
    readonly errors: readonly Fault[]
  }>
  /** Null: that was the last slice. */
  readonly next_cursor: string | null
}

/** Refused letters that an answer names. */
const MOST_REFUSED = 100

/**
 * Sends a slice of the letters that fit and were not sent again before, the oldest first. Nothing is remembered between two slices:
 * who stops asking has stopped, and what was not sent is still there. Letters that came after the first slice are left out, so that
 * one that fails again is not sent in circles. Rejects with `publish_failed` where the bus did not take all; those that it took are
 * marked by then, and the same cursor goes on with the others.
 */
export async function replaySlice(
  { store, collect }: ReplayPlaces,
  replayer: Replayer,
  filter: LetterFilter,
  {
    limit,
    cursor,
    dryRun = false,
  }: { readonly limit: number; readonly cursor?: string | undefined; readonly dryRun?: boolean },
): Promise<{ readonly slice: ReplayedSlice; readonly answer: Answer | undefined }> {
  const { tenantId } = replayer
  const slice = await store.asTenant(
    tenantId,
    async (sql) => {
      const found = await readSlice(sql, { ...filter, replayed: false }, { limit, cursor })
      return { ...found, letters: await lettersOf(sql, found) }
    },
    { name: 'dead_letters' },
  )
  const { letters, last, upTo } = slice
  const next_cursor = last === undefined ? null : sliceCursor(last, upTo)
  const about = { dry_run: dryRun, examined: letters.length, next_cursor }
  if (letters.length === 0) return { slice: { ...about, replayed: 0, rejected: 0, refused: [] }, answer: undefined }
  const lines = letters.flatMap((letter) => [lineOf(letter), NEWLINE])
  const answer = await collect({ ...replayer, ...LINES, body: Buffer.concat(lines), dryRun })
  const { verdicts } = answer
  const accepted = letters.filter((_, at) => verdicts[at]?.status === 'accepted').map(({ id }) => id)
  if (!dryRun && accepted.length > 0) await mark(store, tenantId, accepted)
  if (answer.failed > 0) throw notTaken(answer, letters.length)
  const refused = letters.flatMap(({ id, event_id: key }, at) => {
    const judged = verdicts[at]
    if (judged === undefined || judged.status === 'accepted') return []
    const verdict = replayer.seesPayloads ? judged : verdictWithoutQuotes(judged)
    return [{ id, event_id: verdict.event_id ?? key, code: verdict.code ?? 'invalid', errors: verdict.errors ?? [] }]
  })
  return {
    slice: { ...about, replayed: accepted.length, rejected: refused.length, refused: refused.slice(0, MOST_REFUSED) },
    answer,
  }
}

const NEWLINE = Buffer.from('\n')

async function lettersOf(sql: Sql, { numbers }: Slice): Promise<LetterWithPayload[]> {
  if (numbers.length === 0) return []
  return sql.query<LetterWithPayload>(
    `SELECT ${MEMBERS}, l.value ${FROM} WHERE l.number = ANY ($1::bigint[]) ORDER BY l.number`,
    [numbers],
  )
}

function notTaken(answer: Answer, of: number): Problem {
  const members = answer.kind === 'problem' ? answer.problem.members : undefined
  return new Problem(
    'publish_failed',
    `The bus did not acknowledge ${answer.failed} of ${of} letters in time. Replay again with the same cursor: those that it took are marked.`,
    { retryAfterSeconds: 1, ...(members === undefined ? {} : { members }) },
  )
}
