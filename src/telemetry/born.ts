import type { MetricEntry } from './catalog/entry.ts'
import type { Labels } from './series.ts'

/**
 * Every label set of a metric that is known before anything happens: all combinations of its closed lists, with the labels that
 * `known` names as given. None where another label is open (a route, a status, a name), or one of `known` is not on the metric.
 */
export function labelSets(entry: MetricEntry, known: Labels = {}): Labels[] {
  if (Object.keys(known).some((label) => entry.labels[label] === undefined)) return []
  let sets: Labels[] = [{}]
  for (const [label, rule] of Object.entries(entry.labels)) {
    const given = known[label]
    const values = given === undefined ? rule : [given]
    if (typeof values === 'string') return []
    sets = sets.flatMap((set) => values.map((value) => ({ ...set, [label]: value })))
  }
  return sets
}
