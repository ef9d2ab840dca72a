import { isLoopback, ownKey, reachable, type Settings } from '../config/index.ts'
import { readLiveRunFile } from '../start/index.ts'

/** Where a command asks, and with which key. */
export interface Place {
  readonly url: string
  readonly key: () => string | undefined
}

/**
 * The API that was named on the command line, or by PULSE_URL; else the one of this installation: what the canary goes through, or
 * what runs on the data folder, or where the settings say. The operator's key of the data folder is shown to the installation's own
 * and to this machine only: an address that was typed may be anybody's.
 */
export async function placeOf(settings: Settings, named: string | undefined): Promise<Place> {
  const typed = named ?? settings.url
  if (typed === undefined) return { url: await ownUrl(settings), key: () => ownKey(settings, 'operator') }
  const isHere = isLoopback(new URL(typed).hostname.replace(/^\[|\]$/g, ''))
  return { url: typed, key: () => (isHere ? ownKey(settings, 'operator') : settings.apiKey) }
}

async function ownUrl(settings: Settings): Promise<string> {
  if (settings.canaryApiUrl !== undefined) return settings.canaryApiUrl
  const run = await readLiveRunFile(settings.dataDir)
  const port = run?.processes.find(({ name }) => name === 'api')?.ports['api'] ?? settings.apiPort
  return `http://${reachable(settings.host)}:${port}`
}
