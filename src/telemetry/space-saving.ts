/** A key with at least this much weight: what was certainly offered for it, decayed. */
interface Heavy {
  readonly key: string
  readonly weight: number
}

interface Sketch {
  offer(key: string, weight: number): void
  forget(key: string): void
  /** Makes the past count for less: every weight times `factor`; what is left of nearly nothing is forgotten. */
  decay(factor: number): void
  /** The keys it knows, heaviest first. */
  heaviest(): Heavy[]
}

interface Cell {
  readonly key: string
  count: number
  /** What of `count` may belong to keys that had this cell before. */
  error: number
  at: number
}

/**
 * The heaviest of any number of keys in the space of `capacity`: Space-Saving (Metwally, Agrawal and El Abbadi 2005). A key
 * with more than 1/capacity of all weight is in it for certain, and none is said to weigh more than it does. A
 * min-heap, so that an offer is O(log capacity) even where every key is new.
 */
export function openSketch(capacity: number): Sketch {
  const cells = new Map<string, Cell>()
  let heap: Cell[] = []

  const place = (cell: Cell, at: number): void => {
    heap[at] = cell
    cell.at = at
  }
  const sink = (cell: Cell, from: number): void => {
    let at = from
    for (;;) {
      const left = heap[2 * at + 1]
      const right = heap[2 * at + 2]
      const least = right !== undefined && left !== undefined && right.count < left.count ? right : left
      if (least === undefined || least.count >= cell.count) return place(cell, at)
      const next = least.at
      place(least, at)
      at = next
    }
  }
  const rise = (cell: Cell): void => {
    let at = cell.at
    for (;;) {
      const above = at === 0 ? undefined : heap[(at - 1) >> 1]
      if (above === undefined || above.count <= cell.count) return place(cell, at)
      const next = above.at
      place(above, at)
      at = next
    }
  }
  const keep = (isKept: (cell: Cell) => boolean): void => {
    for (const cell of heap) if (!isKept(cell)) cells.delete(cell.key)
    heap = heap.filter(isKept).sort((a, b) => a.count - b.count) // what is sorted is a heap
    heap.forEach((cell, at) => (cell.at = at))
  }

  return {
    offer(key, weight) {
      const known = cells.get(key)
      if (known !== undefined) {
        known.count += weight
        return sink(known, known.at)
      }
      const least = heap[0]
      if (least === undefined || heap.length < capacity) {
        const cell = { key, count: weight, error: 0, at: heap.length }
        cells.set(key, cell)
        heap.push(cell)
        return rise(cell)
      }
      cells.delete(least.key)
      const cell = { key, count: least.count + weight, error: least.count, at: 0 }
      cells.set(key, cell)
      sink(cell, 0)
    },
    forget: (key) => keep((cell) => cell.key !== key),
    decay(factor) {
      for (const cell of heap) {
        cell.count *= factor
        cell.error *= factor
      }
      keep((cell) => cell.count >= 0.5)
    },
    heaviest: () =>
      heap
        .map(({ key, count, error }) => ({ key, weight: count - error }))
        .sort((a, b) => b.weight - a.weight || (a.key < b.key ? -1 : 1)),
  }
}
