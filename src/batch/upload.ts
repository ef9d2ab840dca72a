import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { Collect } from '../collect/index.ts'
import { canonicalUuid, isUuid } from '../event/index.ts'
import { Problem, type ProblemCode } from '../problems/index.ts'
import { getEntity, type Binding, type Bindings } from '../registry/index.ts'
import type { Store } from '../store/index.ts'
import { carry } from './carry.ts'
import { checkColumns } from './columns.ts'
import { openContent } from './content.ts'
import { deliver } from './deliver.ts'
import { eventMaker } from './events.ts'
import { formatOf } from './format.ts'
import { incoming } from './incoming.ts'
import { openKeeper } from './keeper.ts'
import { kindsOf, literalOf } from './kinds.ts'
import { parquetLines } from './parquet.ts'
import type { ParquetQuestion } from './parquet-sql.ts'
import { readingOf, type ReadingGiven } from './reading.ts'
import { begin, getBatch, type Batch, type Run } from './record.ts'
import { readRows, type Chunk } from './rows.ts'
import { openSlots } from './slots.ts'
import { openSpool } from './spool.ts'
import { wantedOf, type Wanted } from './wanted.ts'

interface BatchLimits {
  /** Of a file's unpacked content. */
  readonly maxFileBytes: number
  readonly maxEventBytes: number
  /** Of one request of collect, whose way the rows go. */
  readonly maxBodyBytes: number
  readonly maxEvents: number
}

/** An upload as it arrives. */
interface Arriving {
  readonly tenantId: string
  readonly tenantSlug: string
  /** Slug or id. */
  readonly dataset: string
  readonly contentType: string | undefined
  readonly contentEncoding: string | undefined
  /** Undefined where the sender does not know how long the body will be. */
  readonly contentLength: string | undefined
  readonly uploadId: string | undefined
  readonly uploadOffset: string | undefined
  readonly given: ReadingGiven
  readonly body: Readable
  readonly traceId: string
  /** Asked again and again while the upload lasts: rejects where the key was revoked or the tenant suspended meanwhile. */
  readonly isAllowed: () => Promise<void>
  /** Takes rows from the sender's allowance. Throws or rejects with `rate_limited`, for which rows wait, and `quota_exceeded`. */
  readonly charge?: (events: number, bytes: number) => void | Promise<void>
}

interface UploadPlaces {
  readonly store: Store
  readonly collect: Collect
  readonly bindings: Pick<Bindings, 'bySlug' | 'byId'>
  readonly limits: BatchLimits
  readonly patienceMs?: number
  /** Where a Parquet file lies while it is read; the system's own folder for such things where none is named. */
  readonly spoolDir?: string | undefined
  /** A fault of ours in what goes on after the answer. */
  readonly onDefect?: (error: unknown) => void
  readonly now?: () => number
}

export interface Uploads extends AsyncDisposable {
  /**
   * Carries a file's rows to the bus as they arrive, and answers what became of them. Rejects with `Problem`; one that came while
   * rows were under way has the members of `Stopped`, and the upload goes on with the same id.
   */
  take(arriving: Arriving): Promise<Batch>
  /** Ends what is under way where it is, and takes no more. Resolves with the disposal when all has ended. */
  stop(): void
}

const AT_ONCE = 4
const AT_ONCE_OF_ONE = 2
const PATIENCE_MS = 20_000
/** An answer waits so long for the rows of a Parquet file. */
const MOMENT_MS = 2_000
const WINDOW_BYTES = 262_144
const MOST_EVENTS = 500
const MOST_BYTES = 1_048_576

/** Faults that are the file's own: sending the rest would meet them again. */
const FINAL: ReadonlySet<ProblemCode> = new Set(['malformed', 'too_large', 'invalid_parameter'])

export function openUploads(places: UploadPlaces): Uploads {
  const { store, bindings, limits, now = () => performance.now() } = places
  const slots = openSlots(AT_ONCE, AT_ONCE_OF_ONE)
  const stop = new AbortController()
  const spool = openSpool(places.spoolDir)
  const most = {
    events: Math.min(MOST_EVENTS, limits.maxEvents),
    bytes: Math.min(MOST_BYTES, limits.maxBodyBytes),
  }

  async function carryOn(arriving: Arriving, upload: Prepared, run: Run, chunks: AsyncIterable<Chunk>): Promise<void> {
    const { tenantId, tenantSlug, traceId } = arriving
    const { binding, kinds } = upload
    // The mapping of a Parquet file is done where its columns are read.
    const mapping =
      upload.reading.format === 'parquet' ? { ...upload.reading.mapping, ...UNMAPPED } : upload.reading.mapping
    using keeper = openKeeper({ store, isAllowed: arriving.isAllowed, now }, run)
    const { signal } = stop
    const to = {
      collect: places.collect,
      tenantId,
      tenantSlug,
      traceId,
      signal,
      patienceMs: places.patienceMs ?? PATIENCE_MS,
      charge: arriving.charge,
    }
    const dataset = { id: binding.datasetId, slug: binding.datasetSlug }
    // One for all of the file: it is made of every column, and a chunk may have few rows.
    let maker: ReturnType<typeof makerFor> | undefined
    const makerFor = (names: readonly string[] | undefined) => {
      if (names !== undefined) checkColumns(names, mapping)
      return { names, make: eventMaker({ dataset, mapping, kinds, names }) }
    }
    try {
      await carry({
        chunks,
        from: run.from,
        make({ place: { names } }) {
          if (maker === undefined || maker.names !== names) maker = makerFor(names)
          return maker.make
        },
        deliver: (events) => deliver(events, to),
        settled: (standing, rejections) => keeper.settled(standing, rejections),
        most,
      })
    } catch (error) {
      const problem = asStopped(error)
      const isFinal = FINAL.has(problem.code)
      const told = isFinal ? { code: problem.code, detail: problem.message } : undefined
      // Where the standing cannot be kept the one before holds: what is sent again is known by its ids.
      await keeper
        .end({ status: isFinal ? 'failed' : 'running', isEnded: true, problem: told })
        .catch((late: unknown) => {
          if (!(late instanceof Problem)) throw late
        })
      throw problem
    }
    await keeper.end({ status: 'done', isEnded: true })
  }

  async function prepare(arriving: Arriving): Promise<Prepared> {
    const { tenantId, dataset, given, uploadId, uploadOffset } = arriving
    const format = formatOf(arriving.contentType)
    const reading = readingOf(format, given)
    if (uploadId !== undefined && !isUuid(uploadId))
      throw parameter('upload-id', 'is a UUID that you choose, the same for every part of a file')
    const offset = Number(uploadOffset ?? 0)
    if (!Number.isSafeInteger(offset) || offset < 0)
      throw parameter('upload-offset', 'says how many bytes of the unpacked file lie before this part')
    const content = openContent(incoming(arriving.body, stop.signal), {
      encoding: arriving.contentEncoding,
      length: Number(arriving.contentLength ?? 0),
      maxBytes: limits.maxFileBytes,
      offset,
    })
    const binding = isUuid(dataset)
      ? await bindings.byId(tenantId, canonicalUuid(dataset))
      : await bindings.bySlug(tenantId, dataset)
    if (binding === undefined)
      throw new Problem(
        'unknown_dataset',
        `There is no dataset ${JSON.stringify(dataset.slice(0, 80))} in this tenant.`,
      )
    const schema = await getEntity(store, tenantId, 'schema', binding.schemaId)
    const composed: unknown = JSON.parse(schema?.composed ?? '{}')
    return { reading, content, offset, binding, kinds: kindsOf(composed), wanted: wantedOf(composed) }
  }

  const end = (): void =>
    stop.abort(
      new Problem('draining', 'The server is stopping. Go on with the same upload-id.', { retryAfterSeconds: 1 }),
    )

  const linesFrom = (content: AsyncIterable<Buffer>, { reading }: Prepared, { from }: Run): AsyncIterable<Chunk> =>
    readRows(content, {
      split: reading.split,
      place: from.place,
      offset: from.offset,
      maxRowBytes: limits.maxEventBytes,
      windowBytes: WINDOW_BYTES,
    })

  /** A Parquet file's rows. It is read from its end, so an offset into it means nothing: a batch of it stands at a row. */
  async function* rowsOfParquet(path: string, upload: Prepared, run: Run): AsyncGenerator<Chunk> {
    const question = { path, after: run.from.place.line, ...columnsFor(upload) }
    const lines = parquetLines(question, (names) => checkColumns(names, upload.reading.mapping), stop.signal)
    for await (const chunk of linesFrom(lines, upload, run)) yield { ...chunk, offset: 0 }
  }

  /** Keeps the file, and carries it on after the answer where that takes longer than a moment. */
  async function takeParquet(arriving: Arriving, upload: Prepared, run: Run, slot: Disposable): Promise<void> {
    const file = await spool.keep(upload.content).catch((error: unknown) => {
      throw asStopped(error)
    })
    const work = carryOn(arriving, upload, run, rowsOfParquet(file.path, upload, run)).finally(async () => {
      slot[Symbol.dispose]()
      await file[Symbol.asyncDispose]()
    })
    const answered = new AbortController()
    try {
      await Promise.race([work, delay(MOMENT_MS, undefined, { signal: answered.signal }).catch(() => undefined)])
    } finally {
      answered.abort()
      // Nobody hears it any more: the batch says what it ended with, and what is no problem is a defect.
      work.catch((error: unknown) => {
        if (!(error instanceof Problem)) places.onDefect?.(error)
      })
    }
  }

  return {
    async take(arriving) {
      const { tenantId } = arriving
      using slot = slots.take(tenantId)
      const upload = await prepare(arriving)
      const { binding, reading } = upload
      const run = await begin(store, tenantId, {
        id: arriving.uploadId === undefined ? undefined : canonicalUuid(arriving.uploadId),
        datasetId: binding.datasetId,
        dataset: binding.datasetSlug,
        format: reading.format,
        reading: reading.text,
        traceId: arriving.traceId,
      })
      if (upload.offset > run.from.offset)
        throw new Problem(
          'conflict',
          `The batch stands at byte ${run.from.offset}, and this part begins at ${upload.offset}: send from there.`,
          { members: { batch_id: run.batchId, upload_offset: run.from.offset } },
        )
      try {
        if (reading.format === 'parquet') await takeParquet(arriving, upload, run, slots.keep(slot))
        else {
          const content = passOver(upload.content, run.from.offset - upload.offset)
          await carryOn(arriving, upload, run, linesFrom(content, upload, run))
        }
      } catch (error) {
        throw withStanding(error as Problem, await getBatch(store, tenantId, run.batchId).catch(() => undefined))
      }
      return (await getBatch(store, tenantId, run.batchId)) as Batch
    },
    stop: end,
    async [Symbol.asyncDispose]() {
      end()
      await slots.empty()
    },
  }
}

interface Prepared {
  readonly reading: ReturnType<typeof readingOf>
  readonly content: AsyncIterable<Buffer>
  readonly offset: number
  readonly binding: Binding
  readonly kinds: ReturnType<typeof kindsOf>
  readonly wanted: Wanted
}

const UNMAPPED = { map: new Map<string, string>(), set: new Map<string, string>() }

const columnsFor = ({
  reading: { mapping },
  kinds,
  wanted,
}: Prepared): Pick<ParquetQuestion, 'map' | 'set' | 'wanted'> => ({
  map: [...mapping.map],
  set: [...mapping.set].map(([member, text]) => [member, literalOf(text, kinds.get(member)) ?? '""']),
  wanted,
})

const parameter = (name: string, message: string): Problem =>
  new Problem('invalid_parameter', `${name} ${message}.`, {
    errors: [{ pointer: `/${name}`, keyword: name, message }],
  })

/** What an upload ended with; a connection that was lost is nobody's fault here. */
function asStopped(error: unknown): Problem {
  if (error instanceof Problem) return error
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE')
    return new Problem('request_timeout', 'The connection was lost. Go on with the same upload-id.', { cause: error })
  throw error
}

function withStanding(problem: Problem, batch: Batch | undefined): Problem {
  if (!(problem instanceof Problem) || batch === undefined) return problem
  const { batch_id, accepted, rejected, upload_offset, results_url } = batch
  return new Problem(problem.code, problem.message, {
    ...(problem.errors === undefined ? {} : { errors: problem.errors }),
    ...(problem.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: problem.retryAfterSeconds }),
    ...(problem.shed === undefined ? {} : { shed: problem.shed }),
    cause: problem,
    members: { ...problem.members, batch_id, accepted, rejected, upload_offset, results_url },
  })
}

/** Content that was settled before is read and dropped: an upload may begin anew. */
async function* passOver(content: AsyncIterable<Buffer>, bytes: number): AsyncGenerator<Buffer> {
  let rest = bytes
  for await (const chunk of content) {
    if (rest >= chunk.length) rest -= chunk.length
    else {
      yield rest === 0 ? chunk : chunk.subarray(rest)
      rest = 0
    }
  }
}
