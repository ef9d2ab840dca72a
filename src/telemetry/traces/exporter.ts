import type { Resource } from '../resource.ts'
import type { FinishedSpan } from './span.ts'

export interface ExporterOptions {
  /** `http://host:4317` or `https://…`. */
  readonly endpoint: string
  readonly resource: Resource
  /** What became of spans; `detail` where they are lost. */
  readonly onOutcome: (outcome: 'exported' | 'dropped_queue' | 'failed', spans: number, detail: string) => void
  /** Spans that wait at most: a flush that carried a thousand sampled requests makes three thousand at once. */
  readonly queue?: number
  readonly batch?: number
  readonly gatherMs?: number
  readonly callMs?: number
  readonly patienceMs?: number
  /** How long the end may take. */
  readonly closeMs?: number
}

export interface Exporter extends AsyncDisposable {
  /** Takes a span, or counts it as dropped where the queue is full. Never waits. */
  take(span: FinishedSpan): void
}

/**
 * Sends finished spans to an OTLP receiver, in batches. A receiver that is away, slow or silent delays nobody: spans wait in a bounded
 * queue, a batch is tried for a while, and whatever is lost is told to `onOutcome`, each span once. Disposing sends
 * what waits, within `closeMs` whatever the receiver does.
 */
export function openExporter(options: ExporterOptions): Exporter {
  const { endpoint, resource, onOutcome, queue = 8_192, closeMs = 2_000 } = options
  let waiting = 0
  let underway = 0
  let isClosed = false
  let isOver = false
  const early: FinishedSpan[] = []
  // Loading takes 0.1 s of this thread's time, once, while the places are being connected to.
  const loading = import('./otlp.ts').then(({ openOtlp }) => {
    const otlp = openOtlp({
      endpoint,
      resource,
      queue,
      batch: options.batch ?? 512,
      gatherMs: options.gatherMs ?? 1_000,
      callMs: options.callMs ?? 5_000,
      patienceMs: options.patienceMs ?? 30_000,
      onTaken(spans) {
        waiting -= spans
        underway += spans
      },
      onSent({ exported, failed, detail }) {
        // Given up already, and counted.
        if (isOver) return
        underway -= exported + failed
        if (exported > 0) onOutcome('exported', exported, '')
        if (failed > 0) onOutcome('failed', failed, detail)
      },
    })
    for (const span of early.splice(0)) otlp.onEnd(span)
    hand = (span) => otlp.onEnd(span)
    return otlp
  })
  loading.catch(() => undefined)
  let hand = (span: FinishedSpan): void => void early.push(span)

  return {
    take(span) {
      // The processor's own queue is as long, and drops in silence what does not fit: so nothing reaches it that would not.
      if (isClosed || waiting >= queue) {
        onOutcome('dropped_queue', 1, isClosed ? 'the process is stopping' : `${queue} spans wait for ${endpoint}`)
        return
      }
      waiting += 1
      hand(span)
    },
    async [Symbol.asyncDispose]() {
      if (isClosed) return
      isClosed = true
      const signal = AbortSignal.timeout(closeMs)
      const late = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
      await Promise.race([loading.then((otlp) => otlp.close(signal)).catch(() => undefined), late])
      isOver = true
      if (waiting + underway > 0)
        onOutcome('failed', waiting + underway, `${endpoint} took too long for a process that ends`)
    },
  }
}
