import { announce, listen, type Announcements } from '../announce.ts'
import { scrubberOf } from '../redact.ts'
import type { Resource } from '../resource.ts'
import { openExporter, type ExporterOptions } from './exporter.ts'
import { ofPreview, ofPublished, ofRequest } from './from-api.ts'
import { ofObjectCall, ofRound, ofTransaction } from './from-places.ts'
import { ofCommitted, ofFailed } from './from-worker.ts'
import { openRecent } from './recent.ts'
import type { FinishedSpan } from './span.ts'

export interface Traces extends AsyncDisposable {
  /** Of the last 2,000 spans that this process finished, those of one trace, in the order that they were finished. */
  find(traceId: string): readonly FinishedSpan[]
}

export interface TracesOptions extends Pick<
  ExporterOptions,
  'queue' | 'gatherMs' | 'callMs' | 'patienceMs' | 'closeMs'
> {
  readonly resource: Resource
  /** Not set: nothing is sent. */
  readonly endpoint?: string | undefined
  /** The receiver took so many. Those that are lost are announced. */
  readonly onExported: (spans: number) => void
  /** Cut from the texts of errors. */
  readonly secrets?: readonly string[]
  /** Losses of one kind are announced at least this far apart; 1 s. */
  readonly tellMs?: number
}

const MOST_RECENT = 2_000

/**
 * Makes spans of what the stages announce, from now until disposed: each is whole when it is made, so that nothing is held open and
 * what is not sampled costs nothing. They go to the OTLP receiver where one is set, and the last ones stay in memory.
 */
export function openTraces(options: TracesOptions): Traces {
  const { resource, endpoint } = options
  const recent = openRecent(MOST_RECENT)
  const scrubbed = scrubberOf(options.secrets)
  const losses = openLosses(options.tellMs ?? 1_000)
  const exporter =
    endpoint === undefined
      ? undefined
      : openExporter({
          ...options,
          endpoint,
          resource,
          onOutcome(outcome, spans, detail) {
            if (outcome === 'exported') options.onExported(spans)
            else losses.add(outcome, spans, scrubbed(detail))
          },
        })

  const keep = (spans: readonly FinishedSpan[]): void => {
    for (const made of spans) {
      const span = made.error === undefined ? made : { ...made, error: scrubbed(made.error) }
      recent.keep(span)
      exporter?.take(span)
    }
  }
  const stops = [
    listen('api.request.finished', (said) => keep(ofRequest(said))),
    listen('collect.published', (said) => keep(ofPublished(said))),
    listen('preview.finished', (said) => keep(ofPreview(said))),
    listen('worker.flush.committed', (said) => keep(ofCommitted(said))),
    listen('worker.flush.failed', (said) => keep(ofFailed(said))),
    listen('store.transaction.finished', (said) => keep(ofTransaction(said))),
    listen('lake.call.finished', (said) => keep(ofObjectCall(said))),
    listen('canary.returned', (said) => keep(ofRound(said))),
  ]
  return {
    find: (traceId) => recent.of(traceId),
    async [Symbol.asyncDispose]() {
      for (const stop of stops) stop()
      await exporter?.[Symbol.asyncDispose]()
      losses[Symbol.dispose]()
    },
  }
}

type Loss = Announcements['telemetry.spans.lost']['reason']

/** Tells of the first loss at once, and of those after it together. */
function openLosses(tellMs: number): Disposable & { add(reason: Loss, spans: number, detail: string): void } {
  const untold = new Map<Loss, { spans: number; detail: string }>()
  const timers = new Map<Loss, NodeJS.Timeout>()

  function tell(reason: Loss): void {
    const loss = untold.get(reason)
    timers.delete(reason)
    if (loss === undefined) return
    untold.delete(reason)
    announce('telemetry.spans.lost', { reason, ...loss })
    const timer = setTimeout(() => tell(reason), tellMs)
    timers.set(reason, timer.unref())
  }
  return {
    add(reason, spans, detail) {
      untold.set(reason, { spans: (untold.get(reason)?.spans ?? 0) + spans, detail })
      if (!timers.has(reason)) tell(reason)
    },
    [Symbol.dispose]() {
      for (const timer of timers.values()) clearTimeout(timer)
      for (const reason of [...untold.keys()]) tell(reason)
      for (const timer of timers.values()) clearTimeout(timer)
    },
  }
}
