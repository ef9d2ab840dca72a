import { secretValues, settingsHash } from './redact.ts'
import type { Settings } from './settings.ts'

/** What a process's metrics, log and spans are opened with. */
interface WindowSettings {
  readonly logLevel: Settings['logLevel']
  readonly enabled: boolean
  readonly secrets: readonly string[]
  readonly otlpEndpoint: string | undefined
  readonly limits: { readonly tenants: number; readonly datasets: number; readonly pinned: readonly string[] }
  readonly about: { readonly commit: string; readonly configHash: string }
}

/** The settings of the window, the same in every process. */
export const windowSettings = (settings: Settings): WindowSettings => ({
  logLevel: settings.logLevel,
  enabled: settings.telemetry !== 'off',
  secrets: secretValues(settings),
  otlpEndpoint: settings.otlpEndpoint,
  limits: { tenants: settings.metricsTenants, datasets: settings.metricsDatasets, pinned: settings.metricsPinned },
  about: { commit: settings.buildCommit, configHash: settingsHash(settings) },
})
