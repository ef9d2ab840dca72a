import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Settings } from './settings.ts'

/** Whom Pulse gives a key of its own. */
export type Own = 'operator' | 'canary' | 'doctor'

/** Where the keys of Pulse's own lie, a file each. */
export const keysFolder = ({ keysDir, dataDir }: Pick<Settings, 'keysDir' | 'dataDir'>): string =>
  keysDir ?? join(dataDir, 'keys')

/**
 * The key that a part of Pulse shows: PULSE_API_KEY, else what `migrate` wrote for it, read at every call, so that a new one counts at
 * once. Undefined where there is neither, or the file is not this user's to read: then none is shown.
 */
export function ownKey(settings: Pick<Settings, 'apiKey' | 'keysDir' | 'dataDir'>, name: Own): string | undefined {
  if (settings.apiKey !== undefined) return settings.apiKey
  try {
    const text = readFileSync(join(keysFolder(settings), name), 'utf8').trim()
    return text === '' ? undefined : text
  } catch {
    return undefined
  }
}
