/**
 * The conservation law of the ingest, kept by shape: a record enters once, into one stage, and
 * afterwards only moves between stages. What is consumed is therefore always the sum of what
 * became of it, at every instant and not only when things are quiet.
 */
export const STAGES = [
  'buffered',
  'inFlight',
  'appended',
  'duplicates',
  'deadLettered',
  'replayed',
  'released',
] as const
type Stage = (typeof STAGES)[number]

export type Tally = { consumed: number } & Record<Stage, number>

export function openTally(): Tally {
  return {
    consumed: 0,
    buffered: 0,
    inFlight: 0,
    appended: 0,
    duplicates: 0,
    deadLettered: 0,
    replayed: 0,
    released: 0,
  }
}

/** `records` were read from the bus and are now in `stage`. */
export function enter(tally: Tally, stage: Stage, records: number): void {
  tally.consumed += records
  tally[stage] += records
}

/** `records` went from one stage to another. */
export function move(tally: Tally, from: Stage, to: Stage, records: number): void {
  tally[from] -= records
  tally[to] += records
}

/**
 * The law: consumed = appended + duplicates + dead letters + replayed + released + buffered + in
 * flight. Answers what is missing (positive) or too much (negative); 0 when the law holds.
 */
export function imbalance(tally: Tally): number {
  let sum = 0
  for (const stage of STAGES) sum += tally[stage]
  return tally.consumed - sum
}
