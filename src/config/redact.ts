import { createHash } from 'node:crypto'
import { SETTINGS, keyOf, type SettingName, type Settings } from './settings.ts'

/** The settings as they may be printed: a database URL without its password, other secrets not at all. */
export function redact(settings: Settings): Record<string, unknown> {
  const shown: Record<string, unknown> = {}
  for (const name of Object.keys(SETTINGS) as SettingName[]) {
    const key = keyOf(name)
    const value = settings[key]
    shown[key] = SETTINGS[name].secret && typeof value === 'string' ? redactSecret(value) : value
  }
  return shown
}

function redactSecret(value: string): string {
  const url = URL.parse(value)
  if (url === null || url.host === '') return '***'
  if (url.password !== '') url.password = '***'
  url.search = '' // libpq takes a password there too
  return url.href
}

/** Twelve hex digits that change when a setting does, and tell nothing of any secret. */
export function settingsHash(settings: Settings): string {
  const shown = Object.entries(redact(settings)).sort(([a], [b]) => (a < b ? -1 : 1))
  return createHash('sha256').update(JSON.stringify(shown)).digest('hex').slice(0, 12)
}

/** The secrets that these settings hold, so that a log can cut them wherever they turn up: of a URL its password. */
export function secretValues(settings: Settings): string[] {
  const values: string[] = []
  for (const name of Object.keys(SETTINGS) as SettingName[]) {
    const value = settings[keyOf(name)]
    if (!SETTINGS[name].secret || typeof value !== 'string') continue
    const url = URL.parse(value)
    if (url === null || url.host === '') values.push(value)
    else if (url.password !== '') values.push(decodeURIComponent(url.password), url.password)
  }
  return values
}
