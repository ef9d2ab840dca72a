import type { SyntaxNode } from '@lezer/common'
import { parser } from '@prometheus-io/lezer-promql'
import { METRICS, type MetricEntry } from '../../src/telemetry/index.ts'

/** What a query says, as far as it can be told without data. */
interface Read {
  /** What is wrong with it: syntax, a metric, label or value that does not exist. Empty where nothing is. */
  readonly faults: readonly string[]
  /** The labels that its result may carry. */
  readonly labels: readonly string[]
  /** The metrics that it asks for, by their names in the catalogue or as recorded. */
  readonly metrics: readonly string[]
}

type Known = ReadonlyMap<string, readonly string[]>

/** Series that are Prometheus' own, and their labels. */
const BUILT_IN: Known = new Map([
  ['up', []],
  ['ALERTS', ['alertname', 'alertstate', 'grade']],
])
const TARGET = ['job', 'instance']

/**
 * Reads PromQL against the catalogue. `recorded` gives the labels of series that rules record, and of whatever else may be asked
 * for. Variables of a dashboard have to be filled in before.
 */
export function readQuery(query: string, recorded: Known = new Map()): Read {
  const faults: string[] = []
  const metrics = new Set<string>()
  const text = (node: SyntaxNode): string => query.slice(node.from, node.to)

  const selector = (node: SyntaxNode): string[] => {
    const name = node.getChild('Identifier')
    if (name === null) {
      faults.push(`a selector without a metric: ${text(node)}`)
      return []
    }
    const metric = text(name)
    const found = labelsOf(metric, recorded)
    if (found === undefined) {
      faults.push(`no metric ${metric}`)
      return []
    }
    metrics.add(found.metric)
    for (const matcher of descendants(node, 'UnquotedLabelMatcher')) {
      const label = text(matcher.getChild('LabelName') as SyntaxNode)
      const value = text(matcher.getChild('StringLiteral') as SyntaxNode).slice(1, -1)
      if (!found.labels.includes(label)) faults.push(`${metric} has no label ${label}`)
      const closed = found.closed[label]
      if (closed === undefined || !/^[a-z_|]+$/.test(value)) continue
      for (const one of value.split('|'))
        if (!closed.includes(one)) faults.push(`${metric}: ${label} is never ${one} (${closed.join(', ')})`)
    }
    return [...found.labels]
  }

  const grouping = (node: SyntaxNode | null | undefined, among: readonly string[]): string[] => {
    const labels = node === null || node === undefined ? [] : descendants(node, 'LabelName').map(text)
    for (const label of labels)
      if (!among.includes(label)) faults.push(`${text(node as SyntaxNode)}: nothing here has a label ${label}`)
    return labels
  }

  const aggregate = (node: SyntaxNode): string[] => {
    const inner = children(node.getChild('FunctionCallBody'))
    // Of what it chooses among, it keeps all.
    if (/^(topk|bottomk)\b/.test(text(node))) return inner
    const modifier = node.getChild('AggregateModifier')
    if (modifier === null) return []
    const labels = grouping(modifier.getChild('GroupingLabels'), inner)
    return modifier.getChild('By') === null ? inner.filter((label) => !labels.includes(label)) : labels
  }

  const call = (node: SyntaxNode): string[] => {
    const name = text(node.getChild('FunctionIdentifier') as SyntaxNode)
    const inner = children(node.getChild('FunctionCallBody'))
    if (name === 'label_replace' || name === 'label_join') {
      const [target] = descendants(node.getChild('FunctionCallBody') as SyntaxNode, 'StringLiteral', false)
      return target === undefined ? inner : union(inner, [text(target).slice(1, -1)])
    }
    if (name === 'histogram_quantile') return inner.filter((label) => label !== 'le')
    return name.startsWith('absent') ? [] : inner
  }

  const binary = (node: SyntaxNode): string[] => {
    const [left, right] = operands(node)
    const [a, b] = [left === undefined ? [] : labels(left), right === undefined ? [] : labels(right)]
    const matching = node.getChild('MatchingModifierClause')
    const lists = matching?.getChildren('GroupingLabels') ?? []
    const has = (name: string): boolean => (matching?.getChild(name) ?? null) !== null
    const on = has('On') ? grouping(lists[0], union(a, b)) : undefined
    const more = grouping(lists[1], union(a, b))
    if (node.getChild('And') !== null || node.getChild('Unless') !== null) return a
    if (node.getChild('Or') !== null) return union(a, b)
    if (has('GroupLeft')) return union(a, more)
    if (has('GroupRight')) return union(b, more)
    return on ?? union(a, b)
  }

  const labels = (node: SyntaxNode): string[] => {
    if (node.name === 'VectorSelector') return selector(node)
    if (node.name === 'AggregateExpr') return aggregate(node)
    if (node.name === 'FunctionCall') return call(node)
    if (node.name === 'BinaryExpr') return binary(node)
    return children(node)
  }
  const children = (node: SyntaxNode | null): string[] => {
    let found: string[] = []
    for (let child = node?.firstChild ?? null; child !== null; child = child.nextSibling)
      found = union(found, labels(child))
    return found
  }

  const tree = parser.parse(query)
  tree.iterate({
    enter: ({ type, from, to }) => {
      if (type.isError) faults.push(`no PromQL at ${from}: ${query.slice(Math.max(0, from - 20), to + 20)}`)
    },
  })
  const result = labels(tree.topNode)
  return { faults, labels: result.sort(), metrics: [...metrics] }
}

interface Series {
  readonly metric: string
  readonly labels: readonly string[]
  readonly closed: Readonly<Record<string, readonly string[] | undefined>>
}

function labelsOf(name: string, recorded: Known): Series | undefined {
  const own = recorded.get(name)
  if (own !== undefined) return { metric: name, labels: own, closed: {} }
  const builtIn = BUILT_IN.get(name)
  if (builtIn !== undefined) return { metric: name, labels: [...TARGET, ...builtIn], closed: {} }
  const catalogue: Readonly<Record<string, MetricEntry>> = METRICS
  const part = /_(?:bucket|count|sum)$/.exec(name)?.[0]
  const metric = part === undefined ? name : name.slice(0, -part.length)
  const entry = catalogue[metric]
  // A histogram is seen only by its parts, and nothing else has parts.
  if (entry === undefined || (entry.kind === 'histogram') === (part === undefined)) return undefined
  const closed = Object.fromEntries(
    Object.entries(entry.labels).flatMap(([label, rule]) => (typeof rule === 'string' ? [] : [[label, rule]])),
  )
  return {
    metric,
    labels: [...TARGET, ...Object.keys(entry.labels), ...(part === '_bucket' ? ['le'] : [])],
    closed,
  }
}

/** The two sides of a binary expression: its first and last child. */
const operands = (node: SyntaxNode): readonly (SyntaxNode | undefined)[] => [
  node.firstChild ?? undefined,
  node.lastChild ?? undefined,
]

function descendants(node: SyntaxNode, name: string, deep = true): SyntaxNode[] {
  const found: SyntaxNode[] = []
  for (let child = node.firstChild; child !== null; child = child.nextSibling) {
    if (child.name === name) found.push(child)
    else if (deep) found.push(...descendants(child, name))
  }
  return found
}

const union = (a: readonly string[], b: readonly string[]): string[] => [...new Set([...a, ...b])]
