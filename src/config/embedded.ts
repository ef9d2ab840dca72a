import type { Environment } from './load.ts'
import { SETTINGS, type Setting, type SettingName } from './settings.ts'

/** What changes when the bus is the embedded one, as variables, unless somebody said otherwise. */
export function embeddedDefaults(given: ReadonlySet<SettingName>): Environment {
  const changed: Record<string, string> = {}
  for (const name of Object.keys(SETTINGS) as SettingName[]) {
    const setting: Setting<unknown> = SETTINGS[name]
    if (setting.embedded !== undefined && !given.has(name)) changed[name] = setting.embedded
  }
  return changed
}
