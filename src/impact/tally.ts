import type { Fault } from '../problems/index.ts'

/** What became of the samples of one kind under the new shape. */
interface Counts {
  sampled: number
  passed: number
  failed: number
}

/** A sample that would be refused, by its id; its values are not shown. */
interface Example {
  readonly of: 'row' | 'dead_letter'
  readonly event_id: string | null
  readonly errors: readonly Fault[]
}

export interface Tally {
  readonly rows: Counts
  readonly deadLetters: Counts
  readonly examples: Example[]
  /** `faults` null: it passes. */
  count(of: Example['of'], eventId: string | null, faults: readonly Fault[] | null): void
}

const MOST_EXAMPLES = 10
/** Of each kind of fault. More of the same tell nothing more. */
const MOST_ALIKE = 2

export function openTally(): Tally {
  const none = (): Counts => ({ sampled: 0, passed: 0, failed: 0 })
  const [rows, deadLetters] = [none(), none()]
  const examples: Example[] = []
  const alike = new Map<string, number>()
  return {
    rows,
    deadLetters,
    examples,
    count(of, eventId, faults) {
      const counts = of === 'row' ? rows : deadLetters
      counts.sampled += 1
      if (faults === null) {
        counts.passed += 1
        return
      }
      counts.failed += 1
      const kind = `${of} ${faults[0]?.pointer} ${faults[0]?.keyword}`
      const seen = alike.get(kind) ?? 0
      if (seen === MOST_ALIKE || examples.length === MOST_EXAMPLES) return
      alike.set(kind, seen + 1)
      examples.push({ of, event_id: eventId, errors: faults })
    },
  }
}
