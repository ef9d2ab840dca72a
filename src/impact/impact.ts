import { setImmediate as breath } from 'node:timers/promises'
import type { DuckDBValue } from '@duckdb/node-api'
import type { ObjectStore, Schema } from '../lake/index.ts'
import { compileValidator, judge, quotesNumber, type Validator } from '../pdm/index.ts'
import type { Preview } from '../preview/index.ts'
import type { Fault } from '../problems/index.ts'
import { proposeSchema, type Proposal } from '../registry/index.ts'
import type { Store } from '../store/index.ts'
import { lettersBefore } from './letters.ts'
import { rebuilder, type Writing } from './rebuild.ts'
import { openTally, type Tally } from './tally.ts'

interface ImpactPlaces {
  readonly store: Store
  readonly objects: ObjectStore
  readonly preview: Pick<Preview, 'sample'>
  /** What collect allows an event. */
  readonly limits: { readonly maxEventBytes: number; readonly maxDepth: number }
  /** For judging samples, of the rows and of the dead letters each; 4,000 by default. */
  readonly budgetMs?: number
}

interface ImpactQuestion {
  readonly schemaId: string
  /** Slug or id. */
  readonly dataset: string
  /** How many of the newest rows, and of the newest dead letters, are judged. */
  readonly last: number
}

const NO_CHANGES = { added: [], widened: [], renamed: [], dropped: [], relaxed: [] }

/**
 * What binding a schema, published or a draft, would do to a dataset: the columns that change, what would break, and how many
 * of its newest events (stored rows, and dead letters) would pass under the new shape. Changes nothing; ends in time whatever is
 * asked: `complete` says whether all that was asked for was judged. Undefined: there is no such schema. Throws what
 * `proposeSchema` and a preview do.
 */
export async function assessImpact(places: ImpactPlaces, tenantId: string, asked: ImpactQuestion) {
  const proposal = await proposeSchema(places, tenantId, asked)
  if (proposal === undefined) return undefined
  const validate = compileValidator(proposal.composed)
  const tally = openTally()
  const context = { ...places, tenantId, proposal, validate, tally, last: asked.last }
  const whole = [await judgeRows(context), await judgeLetters(context)]
  const { rows, deadLetters, examples } = tally
  return {
    dataset: proposal.dataset.slug,
    schema_uri: proposal.schemaUri,
    columns: proposal.evolution?.changes ?? NO_CHANGES,
    breaking: proposal.evolution?.breaking ?? [],
    sampled: rows.sampled + deadLetters.sampled,
    passed: rows.passed + deadLetters.passed,
    failed: rows.failed + deadLetters.failed,
    rows,
    dead_letters: deadLetters,
    complete: whole.every(Boolean),
    examples,
  }
}

interface Context extends ImpactPlaces {
  readonly tenantId: string
  readonly proposal: Proposal
  readonly validate: Validator
  readonly tally: Tally
  readonly last: number
}

const BUDGET_MS = 4_000
const deadlineOf = ({ budgetMs = BUDGET_MS }: ImpactPlaces): number => performance.now() + budgetMs

/** Each row as the event that it was, in both writings that it may have had, within the limits of what the lake's writing may have added to it. */
async function judgeRows(context: Context): Promise<boolean> {
  const { proposal, tally, limits, validate, tenantId, last } = context
  const { bound, dataset } = proposal
  const roomy = { ...limits, maxEventBytes: limits.maxEventBytes * 2 }
  let isWhole = true
  const each = (schema: Schema) => {
    // The rows are about to come, for the first time or, where a file went meanwhile, once more: what was counted then counts no
    // longer, and what was waited for others' previews is no judging.
    tally.clear()
    isWhole = true
    const untilMs = deadlineOf(context)
    const eventOf = (writing: Writing) => {
      const dataOf = rebuilder(schema, bound.shape, bound.composed.schema, writing)
      return (values: readonly DuckDBValue[]): string =>
        `{"dataset":${JSON.stringify(dataset.slug)},"data":${dataOf(values)}}`
    }
    const [sparse, full] = [eventOf('sparse'), eventOf('full')]
    const judged = (event: string) => faultsOf(Buffer.from(event), validate, roomy)
    const idAt = schema.fields.findIndex((field) => field.name === '_event_id')
    return (values: readonly DuckDBValue[]): void => {
      if (performance.now() > untilMs) return void (isWhole = false)
      const [event, other] = [sparse(values), full(values)]
      const faults = judged(event)
      const otherwise = event === other ? faults : judged(other)
      tally.count('row', idAt < 0 ? null : String(values[idAt]), faults, otherwise)
    }
  }
  await context.preview.sample({ tenantId, dataset: dataset.id, last, each })
  return isWhole
}

async function judgeLetters(context: Context): Promise<boolean> {
  const { store, proposal, tally, limits, validate, tenantId, last } = context
  const untilMs = deadlineOf(context)
  let before: string | undefined
  for (let judged = 0; judged < last;) {
    const page = await store.asTenant(tenantId, (sql) => lettersBefore(sql, proposal.dataset.id, before), {
      name: 'dead_letters',
    })
    if (page.length === 0) return true
    for (const { eventId, value } of page.slice(0, last - judged)) {
      if (performance.now() > untilMs) return false
      tally.count('dead_letter', eventId, faultsOf(value, validate, limits))
      judged += 1
    }
    before = page.at(-1)?.number
    await breath()
  }
  return true
}

function faultsOf(event: Buffer, validate: Validator, limits: ImpactPlaces['limits']): readonly Fault[] | null {
  const judgement = judge(event, validate, limits)
  if (judgement.kind === 'valid') return null
  return judgement.faults.map((fault) => ({ ...fault, message: unquoted(judgement.reason, fault) }))
}

/** Whoever may read may ask, and values may be personal: where a sentence quotes what was sent, another is said. */
function unquoted(reason: string, { message }: Fault): string {
  if (reason === 'malformed') return 'cannot be read as an event'
  return quotesNumber(message) ? 'a number that its column would not hold as it was written' : message
}
