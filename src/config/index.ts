export { SETTINGS, keyOf, type SettingName, type Settings } from './settings.ts'
export { SettingsRefused, environmentWith, loadSettings, readSettings, type Environment, type Loaded } from './load.ts'
export { redact } from './redact.ts'
export { settingsDocument, settingsHelp } from './document.ts'
