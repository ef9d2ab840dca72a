import type { WireSpan } from './otlp.ts'

/**
 * A trace as lines, a child two spaces further in than its parent: `POST /v1/collect (server, pulse-api)`. Siblings stand by when they began,
 * then by name. A span whose parent is not there stands at the left with `?` before it.
 */
export function treeOf(spans: readonly WireSpan[]): string[] {
  const known = new Set(spans.map(({ spanId }) => spanId))
  const inOrder = spans.toSorted((a, b) => a.startMs - b.startMs || (a.name < b.name ? -1 : 1))
  const below = (parent: string, depth: number): string[] =>
    inOrder
      .filter(({ parentSpanId }) => parentSpanId === parent)
      .flatMap((span) => [`${'  '.repeat(depth)}${lineOf(span)}`, ...below(span.spanId, depth + 1)])
  const lost = inOrder
    .filter(({ parentSpanId }) => parentSpanId !== '' && !known.has(parentSpanId))
    .flatMap((span) => [`?${lineOf(span)}`, ...below(span.spanId, 1)])
  return [...below('', 0), ...lost]
}

const lineOf = ({ name, kind, service, isError }: WireSpan): string =>
  `${name} (${kind}, ${service})${isError ? ' ERROR' : ''}`

/** The spans of one name. */
export const named = (spans: readonly WireSpan[], name: string): WireSpan[] =>
  spans.filter((span) => span.name === name)
