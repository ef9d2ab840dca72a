import type { Books } from '../soak/books.ts'
import type { Place } from '../test/kit/api.ts'
import { readExposition } from '../test/kit/exposition.ts'
import { until } from '../test/kit/until.ts'
import type { World } from './world.ts'

/** What a sweeper waits for before it takes an intent for a dead worker's: made to have passed, with a minute to spare. */
const INTENT_AGE = '16 minutes'

/**
 * After the last run: whoever died left intents and files. Made old, they are swept, and nothing that somebody reads goes with
 * them; and the law holds in the counters of both workers. Answers a sentence for each thing that is not so.
 */
export async function finish(world: World, books: Books, places: readonly Place[]): Promise<readonly string[]> {
  const wrong: string[] = []
  const rowsBefore = await rowsOf(books, places)
  await books.ask(`UPDATE flush_intents SET started_at = started_at - interval '${INTENT_AGE}'`)
  const left = async () => {
    const [row] = await books.ask<{ intents: string; expired: string }>(
      `SELECT (SELECT count(*) FROM flush_intents WHERE started_at < clock_timestamp() - interval '1 minute') AS intents,
         (SELECT count(*) FROM expired_files WHERE not_before < clock_timestamp() - interval '10 seconds') AS expired`,
    )
    return { intents: Number(row?.intents), expired: Number(row?.expired) }
  }
  await until(
    'intents and files of the dead to be swept',
    async () => {
      const { intents, expired } = await left()
      return intents + expired === 0
    },
    240_000,
    2_000,
  ).catch(async () => wrong.push(`not swept after four minutes: ${JSON.stringify(await left())}`))
  const { orphans, missing } = await books.orphans(places)
  for (const file of orphans) wrong.push(`an orphan after the sweep: ${file}`)
  for (const file of missing) wrong.push(`swept, and somebody reads it: ${file}`)
  if ((await rowsOf(books, places)) !== rowsBefore) wrong.push('rows went with the sweep')
  for (const url of world.metricsUrls()) {
    const answer = await fetch(url, { signal: AbortSignal.timeout(10_000) })
    const samples = readExposition(await answer.text()).get('pulse_worker_ledger_imbalance')?.samples ?? []
    if (samples.length === 0) wrong.push('a worker says nothing of the law')
    for (const { value } of samples) if (value !== 0) wrong.push(`a worker's counters miss ${value} records`)
  }
  return wrong
}

async function rowsOf(books: Books, places: readonly Place[]): Promise<string> {
  const found: string[] = []
  for (const place of places) found.push(`${place.dataset} ${(await books.idsOf(place)).join()}`)
  return found.join('; ')
}
