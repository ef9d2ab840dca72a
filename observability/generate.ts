import { alertmanagerConfig } from './alertmanager.ts'
import { dashboardJson } from './dashboards/all.ts'
import { provisioning } from './dashboards/provisioning.ts'
import { prometheusConfig } from './prometheus.ts'
import { ruleFilesOf } from './rules.ts'

/** A file of `deploy/` that is written from here and never by hand. */
interface GeneratedFile {
  /** Below the repository's root. */
  readonly path: string
  readonly text: string
}

/** Everything under `deploy/` that follows from the catalogue: rules and scraping, then dashboards. */
export function generated(): readonly GeneratedFile[] {
  return [...ruleFiles(), ...dashboardFiles()]
}

function ruleFiles(): readonly GeneratedFile[] {
  return [
    { path: 'deploy/prometheus/prometheus.yml', text: prometheusConfig() },
    ...Object.entries(ruleFilesOf()).map(([name, text]) => ({ path: `deploy/prometheus/rules/${name}`, text })),
    { path: 'deploy/alertmanager/alertmanager.yml', text: alertmanagerConfig() },
  ]
}

function dashboardFiles(): readonly GeneratedFile[] {
  const below = (folder: string, files: Readonly<Record<string, string>>): GeneratedFile[] =>
    Object.entries(files).map(([name, text]) => ({ path: `deploy/grafana/${folder}/${name}`, text }))
  return [...below('dashboards', dashboardJson()), ...below('provisioning', provisioning())]
}
