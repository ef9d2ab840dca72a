import type { Gauge } from '@prometheus-io/client'
import { announce } from './announce.ts'
import type { Bounds } from './bounds.ts'
import type { MetricEntry } from './catalog/entry.ts'

type Labels = Readonly<Record<string, string>>

/** What a gauge is now: its label sets, each with a value. Synchronous and cheap; it is asked at every scrape. */
export type Reader<L extends Labels = Labels> = () => Iterable<readonly [labels: L, value: number]>

/**
 * Fills an emptied gauge with what its readers say, so that what they no longer say is no longer exported. Tenants and
 * datasets beyond the bound become one value by the catalogue's `merge`; so do two readers of one label set. What
 * is no finite number is left out, and a reader that throws is a defect that costs the scrape its values only.
 */
export function fill(
  gauge: Gauge<string>,
  name: string,
  entry: MetricEntry,
  readers: Iterable<Reader>,
  bounds: Bounds,
): void {
  gauge.reset()
  if (Object.keys(entry.labels).length === 0) gauge.remove()
  const merged = new Map<string, { labels: Labels; value: number }>()
  for (const reader of readers) {
    try {
      for (const [raw, value] of reader()) {
        if (!Number.isFinite(value)) continue
        const labels = bounded(raw, bounds)
        const key = Object.values(labels).join('\0')
        const known = merged.get(key)
        if (known === undefined) merged.set(key, { labels, value })
        else known.value = merge(entry, known.value, value)
      }
    } catch (error) {
      announce('process.defect', { where: `the gauge ${name}`, detail: error instanceof Error ? error.message : '' })
    }
  }
  for (const { labels, value } of merged.values()) gauge.set({ ...labels }, value)
}

function bounded(raw: Labels, bounds: Bounds): Labels {
  const { tenant, dataset, tenant_bucket: bucket } = raw
  if (bucket !== undefined || tenant === undefined) return raw
  return dataset === undefined ? { ...raw, tenant: bounds.tenant(tenant) } : { ...raw, ...bounds.pair(tenant, dataset) }
}

const merge = (entry: MetricEntry, left: number, right: number): number =>
  entry.merge === 'min' ? Math.min(left, right) : entry.merge === 'max' ? Math.max(left, right) : left + right
