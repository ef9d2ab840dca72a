import { isLoopback, ownKey, reachable, type Settings } from '../config/index.ts'
import { readLiveRunFile } from '../start/index.ts'

/** Where a command asks, and with which key. */
export interface Place {
  readonly url: string
  readonly key: () => string | undefined
}

/**
 * The API that was named on the command line, or by PULSE_URL; else the one that runs on the data folder; else where the
 * settings say. The operator's key of the data folder is shown to this machine only: an address that was typed may be anybody's.
 */
export async function placeOf(settings: Settings, named: string | undefined): Promise<Place> {
  const url = named ?? settings.url ?? (await localUrl(settings))
  const isHere = isLoopback(new URL(url).hostname.replace(/^\[|\]$/g, ''))
  return { url, key: () => (isHere ? ownKey(settings, 'operator') : settings.apiKey) }
}

async function localUrl(settings: Settings): Promise<string> {
  const run = await readLiveRunFile(settings.dataDir)
  const port = run?.processes.find(({ name }) => name === 'api')?.ports['api'] ?? settings.apiPort
  return `http://${reachable(settings.host)}:${port}`
}
