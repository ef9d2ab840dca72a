import type { ManifestEntry } from './manifest.ts'
import type { ManifestRow } from './manifest-list.ts'
import type { ObjectStore } from './port.ts'
import type { Table } from './table.ts'

/** A cache of immutable things, bounded by their summed weight; the least recently used goes first. */
interface Bounded<V> {
  get(key: string): V | undefined
  set(key: string, value: V, weight: number): void
  readonly weight: number
}

export function bounded<V>(most: number): Bounded<V> {
  const held = new Map<string, { value: V; weight: number }>()
  let total = 0
  return {
    get(key) {
      const found = held.get(key)
      if (found === undefined) return undefined
      held.delete(key)
      held.set(key, found)
      return found.value
    },
    set(key, value, weight) {
      if (weight > most) return
      const before = held.get(key)
      if (before) total -= before.weight
      held.delete(key)
      held.set(key, { value, weight })
      total += weight
      for (const [oldest, { weight: freed }] of held) {
        if (total <= most) return
        held.delete(oldest)
        total -= freed
      }
    },
    get weight() {
      return total
    },
  }
}

/**
 * What is remembered of a store's immutable files: everything is keyed by location, and a location
 * never changes its content, so nothing is ever invalidated. Weights are bytes of the files' raw text.
 */
interface LakeMemory {
  readonly tables: Bounded<Table>
  readonly lists: Bounded<readonly ManifestRow[]>
  /** Manifest paths of lists, for reachability: far smaller than the rows. */
  readonly reach: Bounded<readonly string[]>
  readonly manifests: Bounded<readonly ManifestEntry[]>
}

const MIB = 1_048_576
const memories = new WeakMap<ObjectStore, LakeMemory>()

export function memoryOf(store: ObjectStore): LakeMemory {
  const known = memories.get(store)
  if (known) return known
  const made = {
    tables: bounded<Table>(32 * MIB),
    lists: bounded<readonly ManifestRow[]>(16 * MIB),
    reach: bounded<readonly string[]>(16 * MIB),
    manifests: bounded<readonly ManifestEntry[]>(32 * MIB),
  }
  memories.set(store, made)
  return made
}
