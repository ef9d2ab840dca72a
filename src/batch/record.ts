import { uuidv7 } from '../event/index.ts'
import { Problem, type Fault, type ProblemCode } from '../problems/index.ts'
import { rfc3339, type Sql, type Store } from '../store/index.ts'
import type { Format } from './format.ts'
import { START, type Place } from './place.ts'

/** A batch as the API answers it. */
export interface Batch {
  readonly batch_id: string
  readonly dataset: string
  readonly format: Format
  /** `interrupted`: nobody feeds it; it goes on with the same upload-id. */
  readonly status: 'running' | 'interrupted' | 'done' | 'failed'
  readonly accepted: number
  readonly rejected: number
  readonly upload_offset: number
  readonly results_url: string
  readonly problem: { readonly code: ProblemCode; readonly detail: string } | null
  readonly created_at: string
  readonly updated_at: string
  readonly finished_at: string | null
}

/** A row that was not taken. */
export interface Rejection {
  readonly line: number
  readonly event_id: string | null
  readonly code: ProblemCode
  readonly errors: readonly Fault[]
}

/** What makes an upload the one that was begun: with another of these it is another batch. */
interface Upload {
  readonly id: string | undefined
  readonly datasetId: string
  readonly dataset: string
  readonly format: Format
  /** JSON text: the parameters that rows are read by. */
  readonly reading: string
  readonly traceId: string
}

/** How far a batch came. */
export interface Standing {
  readonly accepted: number
  readonly rejected: number
  readonly offset: number
  readonly place: Place
}

/** The right to feed a batch, until somebody else takes it. */
export interface Run {
  readonly tenantId: string
  readonly batchId: string
  readonly token: string
  readonly from: Standing
}

/** Rejections that are kept of a batch; all are counted. */
export const MOST_REJECTIONS = 10_000
/** A tenant's batches that are kept, and for how long: the oldest go when a new one is made, but for those that somebody feeds. */
const MOST_BATCHES = 200
const KEPT_DAYS = 30
/** A batch that was not heard of for so long is fed by nobody. */
const SILENCE = "interval '1 minute'"

const TIMES = ['created_at', 'updated_at', 'finished_at'].map((name) => `${rfc3339(name)} AS ${name}`).join(', ')
const COLUMNS = `id AS batch_id, dataset, format, accepted::float8 AS accepted, rejected::float8 AS rejected,
  upload_offset::float8 AS upload_offset, '/v1/batches/' || id || '/results' AS results_url, problem, ${TIMES},
  CASE WHEN status = 'running' AND (run IS NULL OR updated_at < now() - ${SILENCE}) THEN 'interrupted' ELSE status END AS status`

/**
 * Takes a batch up: begins it, or goes on where it stands. Whoever fed it until now hears at its next save that it is not its any
 * more. Throws `conflict` where the id is of another dataset, format or mapping.
 */
export const begin = (store: Store, tenantId: string, upload: Upload): Promise<Run> =>
  store.asTenant(
    tenantId,
    async (sql) => {
      const batchId = upload.id ?? uuidv7()
      const token = uuidv7()
      const takeUp = async (): Promise<Kept | undefined> =>
        (
          await sql.query<Kept>(
            `UPDATE batches SET run = $2, status = 'running', problem = NULL, finished_at = NULL, updated_at = now() WHERE id = $1
             RETURNING dataset_id, format, reading::text AS reading, accepted::float8 AS accepted, rejected::float8 AS rejected,
               upload_offset::float8 AS offset, place`,
            [batchId, token],
          )
        )[0]
      let found = await takeUp()
      if (found === undefined) {
        await makeRoom(sql)
        // Of two that begin it at once one makes it, and the other waits here for that and then takes it up.
        await sql.query(
          `INSERT INTO batches (tenant_id, id, dataset_id, dataset, format, reading, status, run, place, trace_id)
           VALUES ($1, $2, $3, $4, $5, $6, 'running', $7, $8, $9) ON CONFLICT DO NOTHING`,
          [
            tenantId,
            batchId,
            upload.datasetId,
            upload.dataset,
            upload.format,
            upload.reading,
            token,
            JSON.stringify(START),
            upload.traceId,
          ],
        )
        found = (await takeUp()) as Kept
      }
      if (found.dataset_id !== upload.datasetId || found.format !== upload.format || found.reading !== upload.reading)
        throw new Problem(
          'conflict',
          'The upload-id was begun for another dataset, format or mapping: send them as before, or begin with a new id.',
        )
      const { accepted, rejected, offset, place } = found
      return { tenantId, batchId, token, from: { accepted, rejected, offset, place } }
    },
    { name: 'batch' },
  )

interface Kept extends Standing {
  readonly dataset_id: string
  readonly format: Format
  readonly reading: string
}

async function makeRoom(sql: Sql): Promise<void> {
  const gone = await sql.query<{ id: string }>(
    `DELETE FROM batches WHERE (id IN (SELECT id FROM batches ORDER BY created_at DESC, id DESC OFFSET ${MOST_BATCHES - 1})
       AND (status <> 'running' OR run IS NULL OR updated_at < now() - ${SILENCE}))
       OR updated_at < now() - interval '${KEPT_DAYS} days' RETURNING id`,
  )
  if (gone.length > 0)
    await sql.query('DELETE FROM batch_rejections WHERE batch_id = ANY ($1)', [gone.map(({ id }) => id)])
}

/** What a save says besides how far it came. `ended`: nobody feeds the batch any more. */
export interface Saved {
  readonly status: 'running' | 'done' | 'failed'
  readonly isEnded: boolean
  readonly problem?: { readonly code: ProblemCode; readonly detail: string } | undefined
}

/** Keeps how far a batch came, with the rejections up to there. Throws `conflict` where somebody else feeds it by now. */
export const save = (
  store: Store,
  run: Run,
  { accepted, rejected, offset, place }: Standing,
  rejections: readonly Rejection[],
  { status, isEnded, problem }: Saved,
): Promise<void> =>
  store.asTenant(
    run.tenantId,
    async (sql) => {
      const [saved] = await sql.query(
        `UPDATE batches SET accepted = $3, rejected = $4, upload_offset = $5, place = $6, status = $7, problem = $8,
           run = CASE WHEN $9 THEN NULL ELSE run END, updated_at = now(),
           finished_at = CASE WHEN $7 = 'running' THEN NULL ELSE now() END
         WHERE id = $1 AND run = $2 RETURNING id`,
        [
          run.batchId,
          run.token,
          accepted,
          rejected,
          offset,
          JSON.stringify(place),
          status,
          problem === undefined ? null : JSON.stringify(problem),
          isEnded,
        ],
      )
      if (saved === undefined)
        throw new Problem(
          'conflict',
          'Another upload goes on with this batch. What this one sent was taken as far as it came.',
        )
      if (rejections.length > 0)
        await sql.query(
          `INSERT INTO batch_rejections (tenant_id, batch_id, line, verdict)
           SELECT $1, $2, line, verdict FROM unnest($3::bigint[], $4::json[]) AS told (line, verdict) ON CONFLICT DO NOTHING`,
          [
            run.tenantId,
            run.batchId,
            rejections.map(({ line }) => line),
            rejections.map((rejection) => JSON.stringify(rejection)),
          ],
        )
    },
    { name: 'batch' },
  )

/** Undefined where the tenant has no such batch. */
export const getBatch = (store: Store, tenantId: string, id: string): Promise<Batch | undefined> =>
  store.asTenant(
    tenantId,
    async (sql) => (await sql.query<Batch>(`SELECT ${COLUMNS} FROM batches WHERE id = $1`, [id]))[0],
    { name: 'batch' },
  )

/** Newest first; a tenant has at most 200. */
export const listBatches = (store: Store, tenantId: string): Promise<Batch[]> =>
  store.asTenant(
    tenantId,
    (sql) => sql.query<Batch>(`SELECT ${COLUMNS} FROM batches ORDER BY created_at DESC, id DESC LIMIT ${MOST_BATCHES}`),
    { name: 'batch' },
  )

/** The rows that were not taken, by line, as NDJSON. */
export const resultsOf = (store: Store, tenantId: string, id: string): Promise<string> =>
  store.asTenant(
    tenantId,
    async (sql) => {
      const rows = await sql.query<{ verdict: string }>(
        `SELECT verdict::text AS verdict FROM batch_rejections WHERE batch_id = $1 ORDER BY line LIMIT ${MOST_REJECTIONS}`,
        [id],
      )
      return rows.map(({ verdict }) => `${verdict}\n`).join('')
    },
    { name: 'batch' },
  )
