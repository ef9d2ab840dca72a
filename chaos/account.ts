import type { Sent } from './clients.ts'

/** What the places hold of one run's tenant. */
export interface Held {
  /** Ids of the rows of each dataset, by our own reader. */
  readonly rows: ReadonlyMap<string, readonly string[]>
  /** The same, by a foreign engine. */
  readonly foreign: ReadonlyMap<string, readonly string[]>
  /** Ids of dead letters. */
  readonly letters: readonly string[]
  /** Records on the bus: each is settled once. */
  readonly records: number
  /** The sums that the commits wrote. */
  readonly totals: {
    readonly records: number
    readonly rows: number
    readonly duplicates: number
    readonly letters: number
  }
  /** Dead letters that Postgres has. */
  readonly letterCount: number
  /** Files that nothing reaches and nothing will delete. */
  readonly orphans: readonly string[]
  /** Files that something reaches and that are not there. */
  readonly missing: readonly string[]
  /** What a strict checker of Iceberg's files found wrong. */
  readonly broken: readonly string[]
}

interface Verdict {
  readonly lost: readonly string[]
  readonly doubled: readonly string[]
  /** Everything else that is not as it must be, a sentence each. */
  readonly wrong: readonly string[]
}

/**
 * The account of a run: every acknowledged id is one row or at least one dead letter, no id is two rows, nothing is there that nobody sent, every
 * record on the bus was settled exactly once, and both readers see the same.
 */
export function balance(sent: Sent, held: Held): Verdict {
  const wrong: string[] = [...sent.wrong]
  const doubled: string[] = []
  const there = new Set<string>(held.letters)
  let rows = 0
  for (const [dataset, ids] of held.rows) {
    const seen = new Set<string>()
    for (const id of ids) {
      if (seen.has(id)) doubled.push(id)
      seen.add(id)
      there.add(id)
      if (sent.ids.get(id) !== dataset) wrong.push(`${dataset} has a row ${id} that nobody sent there`)
    }
    rows += ids.length
    const foreign = (held.foreign.get(dataset) ?? []).toSorted().join()
    if (foreign !== ids.toSorted().join()) wrong.push(`a foreign reader sees other rows of ${dataset}`)
  }
  for (const id of held.letters) if (!sent.ids.has(id)) wrong.push(`a dead letter ${id} that nobody sent`)
  const { totals } = held
  const expect = (what: string, is: number, should: number): void => {
    if (is !== should) wrong.push(`${what}: ${is}, and not ${should}`)
  }
  expect('records settled, of those on the bus', totals.records, held.records)
  expect(
    'rows, duplicates and dead letters of the commits',
    totals.rows + totals.duplicates + totals.letters,
    totals.records,
  )
  expect('rows in the tables, of those that the commits counted', rows, totals.rows)
  expect('dead letters, of those that the commits counted', held.letterCount, totals.letters)
  for (const file of held.orphans) wrong.push(`an orphan: ${file}`)
  for (const file of held.missing) wrong.push(`a file is not there: ${file}`)
  wrong.push(...held.broken)
  return { lost: [...sent.acknowledged].filter((id) => !there.has(id)), doubled, wrong }
}
