import { parser as logql } from '@grafana/lezer-logql'
import { parser as traceql } from '@grafana/lezer-traceql'
import type { LRParser } from '@lezer/lr'
import { parser as promql } from '@prometheus-io/lezer-promql'
import type { Query } from './grafana.ts'

/**
 * Queries by the grammars that Grafana's own editors use. What they check is syntax; what a query may name is checked by
 * who reads the tree.
 */
const PARSERS: Readonly<Record<Query['language'], LRParser>> = { PromQL: promql, LogQL: logql, TraceQL: traceql }

interface Node {
  readonly name: string
  readonly text: string
}

/** All nodes in the order of the text; `faults` are the places where it is none of that language. */
export function parse(
  language: Query['language'],
  query: string,
): { readonly nodes: readonly Node[]; readonly faults: readonly string[] } {
  const nodes: Node[] = []
  const faults: string[] = []
  PARSERS[language].parse(query).iterate({
    enter: ({ name, type, from, to }) => {
      nodes.push({ name, text: query.slice(from, to) })
      if (type.isError) faults.push(`no ${language} at ${from}: ${query.slice(Math.max(0, from - 20), to + 20)}`)
    },
  })
  return { nodes, faults }
}
