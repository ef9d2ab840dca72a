import { countsOf, histogramsOf, type Labels } from './series.ts'
import type { Instrument } from './render.ts'

/**
 * Takes away every series that carries `labels`, and adds what it had counted to `retired`, by metric: of a counter its
 * value, of a histogram its observations. Gauges are read anew at each scrape and have nothing to keep.
 */
export function retire(instruments: Iterable<Instrument>, labels: object, retired: Map<string, number>): void {
  const wanted = Object.entries(labels) as [string, string][]
  const carries = (own: Labels): boolean => wanted.every(([label, value]) => own[label] === value)
  for (const { name, kind, metric } of instruments) {
    if (kind === 'gauge') continue
    const gone =
      kind === 'counter'
        ? [...countsOf(metric).values()].map((entry) => ({ labels: entry.labels, counted: entry.value }))
        : [...histogramsOf(metric).values()].map((entry) => ({ labels: entry.labels, counted: entry.count }))
    for (const { labels: own, counted } of gone) {
      if (!carries(own)) continue
      countsOf(metric).remove(own)
      retired.set(name, (retired.get(name) ?? 0) + counted)
    }
  }
}
