import { setImmediate } from 'node:timers/promises'
import { checkDefinition, columnsOf, compileValidator, compose, type Definition } from '../pdm/index.ts'
import type { Fault } from '../problems/index.ts'
import { EVENT_CLASS, propose } from './propose.ts'
import type { Sample } from './samples.ts'
import { openShape } from './shape.ts'

/** What a schema of the samples could be. */
export interface Proposal {
  /** Can be registered as it is: it composes itself with the class of events. */
  readonly definition: Definition
  readonly samples: number
  /** How many of the samples a dataset of this schema takes as they are. */
  readonly accepted: number
  /** The first that it does not take, and why. */
  readonly refused: readonly { readonly sample: number; readonly errors: readonly Fault[] }[]
  /** What to look at before it is published. Pointers lead into the definition. */
  readonly notes: readonly Fault[]
}

const MOST_REFUSED = 5
/** A long job gives way to others after this long. */
const TURN_MS = 8

/**
 * Proposes a definition from samples of an event's data, and judges the samples by it: what it says of itself is
 * what collect would say. Throws `schema_too_large` where no definition holds them.
 */
export async function inferDefinition(samples: readonly Sample[]): Promise<Proposal> {
  const turn = takeTurns()
  const { shape, add } = openShape()
  for (const sample of samples) {
    add(sample)
    await turn()
  }
  const { definition, notes } = propose(shape)
  checkDefinition('schema', definition)
  const composed = compose({ definition, class: EVENT_CLASS, fieldGroups: [], resolve: () => undefined })
  const { warnings } = columnsOf(composed)
  const validate = compileValidator(composed)
  let accepted = 0
  const refused: { sample: number; errors: readonly Fault[] }[] = []
  for (const [at, { data, odd }] of samples.entries()) {
    const errors = validate(data, odd)
    if (errors === null) accepted++
    else if (refused.length < MOST_REFUSED) refused.push({ sample: at + 1, errors })
    await turn()
  }
  return { definition, samples: samples.length, accepted, refused, notes: [...notes, ...warnings] }
}

function takeTurns(): () => Promise<void> | undefined {
  let since = performance.now()
  return () => {
    if (performance.now() - since < TURN_MS) return undefined
    return setImmediate().then(() => void (since = performance.now()))
  }
}
