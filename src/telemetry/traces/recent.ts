import type { FinishedSpan } from './span.ts'

/** The spans that this process finished last, by trace. */
interface RecentSpans {
  keep(span: FinishedSpan): void
  /** In the order that they were finished; empty where none is kept. */
  of(traceId: string): readonly FinishedSpan[]
}

/** A flush links up to 128 others: as many links as this weigh as much as one span more. */
const LINKS_PER_SPAN = 8

const weightOf = (span: FinishedSpan): number => 1 + Math.floor((span.links?.length ?? 0) / LINKS_PER_SPAN)

/** Keeps as many of the last finished spans as weigh `most` together; a span without links weighs one. */
export function openRecent(most: number): RecentSpans {
  const kept: FinishedSpan[] = []
  const byTrace = new Map<string, FinishedSpan[]>()
  let first = 0
  let weight = 0

  function forgetFirst(): void {
    const span = kept[first++] as FinishedSpan
    weight -= weightOf(span)
    const others = byTrace.get(span.traceId)
    others?.shift()
    if (others?.length === 0) byTrace.delete(span.traceId)
    // A queue on an array: what was taken from its front is cut off now and then.
    if (first >= most) kept.splice(0, first)
    if (first >= most) first = 0
  }

  return {
    keep(span) {
      kept.push(span)
      weight += weightOf(span)
      const others = byTrace.get(span.traceId)
      if (others === undefined) byTrace.set(span.traceId, [span])
      else others.push(span)
      while (weight > most) forgetFirst()
    },
    of: (traceId) => byTrace.get(traceId) ?? [],
  }
}
