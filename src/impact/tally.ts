import type { Fault } from '../problems/index.ts'

/** What became of the samples of one kind under the new shape. */
interface Counts {
  sampled: number
  passed: number
  failed: number
}

/** Of rows also how many might fare otherwise, by what the lake does not tell of an event. */
interface RowCounts extends Counts {
  unsure: number
}

/** A sample that would be refused, by its id; its values are not shown. */
interface Example {
  readonly of: 'row' | 'dead_letter'
  readonly event_id: string | null
  /** It might pass, by what the lake does not tell. */
  readonly unsure?: true
  readonly errors: readonly Fault[]
}

export interface Tally {
  readonly rows: RowCounts
  readonly deadLetters: Counts
  readonly examples: Example[]
  /** `faults` null: it passes. `otherwise`: what is wrong with a row in another writing, where one of the two passes and one does not. */
  count(of: Example['of'], eventId: string | null, faults: Verdict, otherwise?: Verdict): void
  /** Begins anew. */
  clear(): void
}

type Verdict = readonly Fault[] | null

const MOST_EXAMPLES = 10
/** Of each kind of fault. More of the same tell nothing more. */
const MOST_ALIKE = 2

const NONE = { sampled: 0, passed: 0, failed: 0 }

export function openTally(): Tally {
  const rows: RowCounts = { ...NONE, unsure: 0 }
  const deadLetters: Counts = { ...NONE }
  const examples: Example[] = []
  const alike = new Map<string, number>()
  return {
    rows,
    deadLetters,
    examples,
    count(of, eventId, faults, otherwise = faults) {
      const counts = of === 'row' ? rows : deadLetters
      counts.sampled += 1
      if (faults === null) counts.passed += 1
      else counts.failed += 1
      const isUnsure = (faults === null) !== (otherwise === null)
      if (isUnsure) rows.unsure += 1
      const wrong = faults ?? otherwise
      if (wrong === null) return
      const kind = `${of} ${wrong[0]?.pointer} ${wrong[0]?.keyword}`
      const seen = alike.get(kind) ?? 0
      if (seen === MOST_ALIKE || examples.length === MOST_EXAMPLES) return
      alike.set(kind, seen + 1)
      examples.push({ of, event_id: eventId, ...(isUnsure ? { unsure: true as const } : {}), errors: wrong })
    },
    clear() {
      Object.assign(rows, NONE, { unsure: 0 })
      Object.assign(deadLetters, NONE)
      examples.length = 0
      alike.clear()
    },
  }
}
