import { ask, memberOf, textOf } from './ask.ts'

/** A finished span, as a worker's `/traces/{trace_id}` shows it. */
export interface SpanSeen {
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string | undefined
  readonly name: string
  readonly startMs: number
  readonly endMs: number
  readonly error: string | undefined
  readonly attributes: unknown
  /** The trace and span that it links first. */
  readonly link: { readonly traceId: string; readonly spanId: string } | undefined
}

/** The spans of a trace that the worker remembers; none where it says nothing that can be read. */
export async function spansOf(workerUrl: string, traceId: string): Promise<readonly SpanSeen[]> {
  const heard = await ask(`${workerUrl}/traces/${traceId}`)
  const spans = heard.kind === 'answered' ? memberOf(heard.answer.json, 'spans') : undefined
  return Array.isArray(spans) ? spans.map(spanOf) : []
}

function spanOf(span: unknown): SpanSeen {
  const links = memberOf(span, 'links')
  // The flush is linked as such; the other link of a process span is its own parent.
  const link: unknown = Array.isArray(links) ? links[0] : undefined
  return {
    traceId: textOf(span, 'trace_id') ?? '',
    spanId: textOf(span, 'span_id') ?? '',
    parentId: textOf(span, 'parent_span_id'),
    name: textOf(span, 'name') ?? '',
    startMs: Number(memberOf(span, 'start_ms')),
    endMs: Number(memberOf(span, 'end_ms')),
    error: textOf(span, 'error'),
    attributes: memberOf(span, 'attributes'),
    link:
      link === undefined
        ? undefined
        : { traceId: textOf(link, 'trace_id') ?? '', spanId: textOf(link, 'span_id') ?? '' },
  }
}
