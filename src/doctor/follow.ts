import { setTimeout as delay } from 'node:timers/promises'
import { COLUMNS, differences, type CanaryEvent } from '../canary/index.ts'
import { rawTopic } from '../event/index.ts'
import { CANARY_DATASET, CANARY_SLUG } from '../tenancy/index.ts'
import { actingFor, ask, memberOf, textOf } from './ask.ts'
import type { PartitionSeen } from './facts.ts'
import { partitionsOf } from './partitions.ts'
import type { PostgresView } from './postgres.ts'
import type { Destination } from './send.ts'
import { spansOf, type SpanSeen } from './spans.ts'
import type { Followed, Sent } from './story.ts'

interface FollowParts {
  readonly destination: Destination
  /** Undefined where no worker can be looked at. */
  readonly workerUrl: string | undefined
  readonly metricsUrl: string
  readonly postgres: PostgresView | undefined
  /** The canary's partitions and failed appends before the send. */
  readonly before: { readonly partitions: readonly PartitionSeen[]; readonly appendErrors: number }
  readonly timeoutMs: number
}

/** Of the newest rows so many are looked at: canaries may have written since. */
const ROWS = 200
const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 1_000
/** A flush is told right after its commit, which a preview may show first. */
const SPANS_MS = 1_500

/** Waits until a preview shows the event, the worker has put it aside, or `timeoutMs` is over. Never rejects. */
export async function follow(parts: FollowParts, event: CanaryEvent, sent: Sent): Promise<Followed> {
  const { workerUrl, timeoutMs, destination, before, postgres } = parts
  const began = performance.now()
  const elapsed = (): number => performance.now() - began
  let [spans, seen]: [readonly SpanSeen[], Preview] = [[], NOTHING]
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 1.5, LONGEST_PAUSE_MS)) {
    seen = await look(destination, event)
    if (workerUrl !== undefined) spans = await spansOf(workerUrl, sent.traceId)
    if (seen.rows > 0 || deadIn(spans) !== undefined || elapsed() + pauseMs > timeoutMs) break
    await delay(pauseMs)
  }
  const waitedMs = elapsed()
  const requestMs = sent.heard.kind === 'answered' ? sent.heard.answer.tookMs : 0
  const asked = performance.now()
  while (workerUrl !== undefined && seen.rows > 0 && spans.length === 0 && sent.validateMs !== undefined) {
    if (performance.now() - asked > SPANS_MS) break
    await delay(FIRST_PAUSE_MS)
    spans = await spansOf(workerUrl, sent.traceId)
  }
  const flush = spans.find(({ name }) => name === 'append')?.link
  const isHere = seen.rows > 0
  const partitions =
    workerUrl === undefined || isHere ? undefined : await partitionsOf(workerUrl, rawTopic(destination.tenantId))
  return {
    spans,
    flushSpans: flush === undefined || workerUrl === undefined ? [] : await spansOf(workerUrl, flush.traceId),
    ...seen,
    seenAfterMs: isHere ? requestMs + waitedMs : undefined,
    deadLetter: deadIn(spans) ?? (isHere ? undefined : await postgres?.deadLetter(destination.tenantId, event.id)),
    isConsumed: isHere ? true : consumedSince(before.partitions, partitions),
    isCommitted: isHere ? true : partitions?.every((one) => one.committed >= one.position),
    appendErrors: isHere ? 0 : Math.max(0, (await appendErrors(parts.metricsUrl)) - before.appendErrors),
    waitedMs,
  }
}

type Preview = Pick<Followed, 'rows' | 'differences' | 'snapshotId' | 'previewMs' | 'refused'>
const NOTHING: Preview = { rows: 0, differences: [], snapshotId: undefined, previewMs: undefined, refused: undefined }

async function look({ apiUrl, tenantId, dataset, key }: Destination, event: CanaryEvent): Promise<Preview> {
  const url = `${apiUrl}/v1/datasets/${dataset}/preview?int64=string&limit=${ROWS}&columns=${COLUMNS.join(',')}`
  const heard = await ask(url, { headers: actingFor(tenantId, key), timeoutMs: 15_000 })
  if (heard.kind !== 'answered') return { ...NOTHING, refused: { code: 'unanswered', detail: heard.detail } }
  const { status, json, tookMs } = heard.answer
  if (status !== 200) {
    const code = textOf(json, 'code') ?? `status_${status}`
    return { ...NOTHING, refused: { code, detail: textOf(json, 'detail') ?? `status ${status}` } }
  }
  const all = memberOf(json, 'rows')
  const rows = Array.isArray(all) ? all.filter((row) => textOf(row, '_event_id') === event.id) : []
  if (rows.length === 0) return NOTHING
  return {
    rows: rows.length,
    differences: differences(event, rows[0] as Readonly<Record<string, unknown>>),
    snapshotId: textOf(json, 'snapshot_id'),
    previewMs: tookMs,
    refused: undefined,
  }
}

/** Why the worker put it aside: a process span that failed says so. */
const deadIn = (spans: readonly SpanSeen[]): string | undefined =>
  spans.find(({ name, error }) => name.startsWith('process ') && error !== undefined)?.error

/** Others may write to the topic, too: where they do, somebody else's record may be taken for this one. */
function consumedSince(
  before: readonly PartitionSeen[],
  now: readonly PartitionSeen[] | undefined,
): boolean | undefined {
  if (now === undefined || now.length === 0) return undefined
  return now.some((one) => {
    const then = before.find(({ partition }) => partition === one.partition)
    return one.position > Math.max(then?.logEnd ?? 0, then?.position ?? 0)
  })
}

/** Of the canary's dataset, as the worker's metrics count them; 0 where they say nothing. */
export async function appendErrors(metricsUrl: string): Promise<number> {
  const heard = await ask(metricsUrl)
  const text = heard.kind === 'answered' ? heard.answer.text : ''
  const line = text
    .split('\n')
    .find(
      (one) =>
        one.startsWith('pulse_worker_iceberg_append_errors_total{') &&
        one.includes(`tenant="${CANARY_SLUG}"`) &&
        one.includes(`dataset="${CANARY_DATASET}"`),
    )
  return Number(line?.split(' ')[1] ?? 0)
}
