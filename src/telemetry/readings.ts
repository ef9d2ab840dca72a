import type { Gauge } from '@prometheus-io/client'
import { announce } from './announce.ts'
import type { Bounds, TenantLabels } from './bounds.ts'
import type { MetricEntry } from './catalog/entry.ts'
import type { Labels } from './series.ts'

/** What a gauge is now: its label sets, each with a value. Synchronous and cheap; it is asked at every scrape. */
export type Reader<L extends Labels = Labels> = () => Iterable<readonly [labels: L, value: number]>

/**
 * Fills an emptied gauge with what its readers say, so that what they no longer say is no longer exported. Tenants and
 * datasets beyond the bound become one value by the catalogue's `merge`; so do two readers of one label set. What
 * is no finite number is left out, and a reader that throws is a defect that costs the scrape its values only.
 */
export function fill(gauge: Gauge, name: string, entry: MetricEntry, readers: Iterable<Reader>, bounds: Bounds): void {
  const labelNames = Object.keys(entry.labels)
  gauge.reset()
  if (labelNames.length === 0) gauge.remove()
  const said = [...readers].flatMap((reader) => ask(reader, name))
  const isBounded = labelNames.includes('tenant') && !labelNames.includes('tenant_bucket')
  const set = gauge as { set(labels: Labels, value: number): void }
  for (const [labels, value] of isBounded ? bounded(said, entry, bounds) : plain(said, entry, labelNames))
    set.set(Object.fromEntries(labelNames.map((label) => [label, labels[label] ?? ''])), value)
}

type Reading = readonly [labels: Labels, value: number]

function ask(reader: Reader, name: string): Reading[] {
  try {
    const said: Reading[] = []
    for (const reading of reader()) if (Number.isFinite(reading[1])) said.push(reading)
    return said
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    announce('process.defect', { where: `the gauge ${name}`, detail })
    return []
  }
}

function plain(said: readonly Reading[], entry: MetricEntry, labelNames: readonly string[]): Iterable<Reading> {
  const merged = new Map<string, [Labels, number]>()
  for (const [labels, value] of said) {
    const key = labelNames.map((label) => labels[label]).join('\0')
    const known = merged.get(key)
    if (known === undefined) merged.set(key, [labels, value])
    else known[1] = merge(entry, known[1], value)
  }
  return merged.values()
}

/** Ten thousand tenants are a millisecond: what has no place is known by one look, and labels are told apart by identity. */
function bounded(said: readonly Reading[], entry: MetricEntry, bounds: Bounds): Iterable<Reading> {
  const merged = new Map<TenantLabels, number>()
  bounds.welcome(said)
  for (const [{ tenant = '', dataset }, value] of said) {
    const labels = dataset === undefined ? bounds.tenantSeen(tenant) : bounds.pairSeen(tenant, dataset)
    const known = merged.get(labels)
    merged.set(labels, known === undefined ? value : merge(entry, known, value))
  }
  return merged as Map<Labels & TenantLabels, number>
}

const merge = (entry: MetricEntry, left: number, right: number): number =>
  entry.merge === 'min' ? Math.min(left, right) : entry.merge === 'max' ? Math.max(left, right) : left + right
