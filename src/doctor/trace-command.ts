import { openBus } from '../bus/index.ts'
import { busSettings, neededPlaces } from '../places/index.ts'
import { readLiveRunFile, settingsBeside } from '../start/index.ts'
import { openStore } from '../store/index.ts'
import { findRow } from './find-row.ts'
import { placesOf } from './places.ts'
import { rowAsJson, rowAsText, rowName } from './row.ts'

/** What was said on the command line. */
export interface TraceOptions {
  readonly tenant?: string | undefined
  readonly dataset?: string | undefined
  readonly api?: string | undefined
  readonly worker?: string | undefined
  readonly json?: boolean | undefined
}

/**
 * `pulse trace`: from a row's `_source` or `_event_id` to its request's trace, its flush and its snapshot. Answers the
 * exit code: 0 where the trace or the flush was found, 1 otherwise. Throws a sentence where Postgres or the bus is not named.
 */
export async function traceCommand(row: string, options: TraceOptions, write: (text: string) => void): Promise<number> {
  const name = rowName(row, options)
  if (typeof name === 'string') return refuse(name, write)
  const settings = await settingsBeside({ postgres: true, bus: true })
  const { apiUrl, workerUrl, key } = placesOf(settings, await readLiveRunFile(settings.dataDir), options)
  const { databaseUrl } = neededPlaces(settings)
  await using store = await openStore({ url: databaseUrl, poolSize: 1, applicationName: 'pulse trace', openMs: 0 })
  await using bus = await openBus(busSettings(settings, 'pulse-trace'))
  const facts = await findRow({ store, bus, apiUrl, workerUrl, key }, name)
  if (typeof facts === 'string') return refuse(facts, write)
  write(options.json === true ? rowAsJson(facts) : rowAsText(facts))
  return facts.trace === undefined && facts.flush === undefined ? 1 : 0
}

function refuse(sentence: string, write: (text: string) => void): number {
  write(`${sentence}\n`)
  return 1
}
