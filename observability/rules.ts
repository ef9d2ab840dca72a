import { stringify } from 'yaml'
import type { Alert } from './alerts/alert.ts'
import { BURNS } from './alerts/burns.ts'
import { ALERT_GROUPS } from './alerts/table.ts'
import { SLO_GROUPS } from './burn.ts'
import { RECORDING_GROUPS } from './recording.ts'
import type { RecordingGroup } from './rule.ts'
import { REAL_TIME, type Tempo } from './tempo.ts'

interface RuleOptions {
  readonly tempo: Tempo
  /** Where Grafana is, as somebody who reads an alert reaches it. */
  readonly grafana: string
}
const DEPLOYED: RuleOptions = { tempo: REAL_TIME, grafana: 'http://localhost:3000' }

/** What stands above each generated file. */
export const NOTICE = ' Generated from observability/ by `npm run check -- --write`. Edit the source, not this file.'

/** Prometheus' rule files by name: what is recorded, what is promised, what is told. */
export function ruleFilesOf(options: RuleOptions = DEPLOYED): Readonly<Record<string, string>> {
  const recorded = (groups: readonly RecordingGroup[]) => groups.map((group) => recordingGroup(group, options.tempo))
  const told = (name: string, alerts: readonly Alert[]) => ({
    name,
    rules: alerts.map((alert) => alertingRule(alert, options)),
  })
  return {
    'recording.yaml': yaml({ groups: recorded(RECORDING_GROUPS) }),
    'slo.yaml': yaml({ groups: [...recorded(SLO_GROUPS), told('pulse-burn', BURNS)] }),
    'alerts.yaml': yaml({ groups: Object.entries(ALERT_GROUPS).map(([name, alerts]) => told(name, alerts)) }),
  }
}

const recordingGroup = ({ name, every, rules }: RecordingGroup, tempo: Tempo): object => ({
  name,
  ...(every === undefined ? {} : { interval: tempo.window(every) }),
  rules: rules.map(({ record, expr, labels }) => ({
    record,
    expr: expr(tempo),
    ...(labels === undefined ? {} : { labels }),
  })),
})

function alertingRule(alert: Alert, { tempo, grafana }: RuleOptions): object {
  return {
    alert: alert.name,
    expr: alert.expr(tempo),
    ...(alert.wait === '0s' ? {} : { for: tempo.window(alert.wait) }),
    ...(alert.lingers === undefined ? {} : { keep_firing_for: tempo.window(alert.lingers) }),
    labels: { grade: alert.grade, ...alert.labels },
    annotations: {
      summary: alert.summary,
      description: alert.description,
      dashboard: dashboardOf(alert, grafana),
      runbook: runbookOf(alert),
    },
  }
}

/** Where the section of the runbook is, below the repository's root. */
const runbookOf = ({ name }: Pick<Alert, 'name'>): string => `docs/operate/runbook.md#${name.toLowerCase()}`

/** The dashboards' variables that labels fill; a bucket is a tenant's name, or `_other`. */
const VARIABLES = { tenant: 'tenant', tenant_bucket: 'tenant', dataset: 'dataset' } as const

/** Grafana's address of the dashboard, with the variables that the alert's labels fill. */
function dashboardOf({ dashboard, carries }: Alert, grafana: string): string {
  const variables = Object.entries(VARIABLES)
    .filter(([label]) => carries.includes(label))
    .map(([label, variable]) => `var-${variable}={{ $labels.${label} }}`)
  return `${grafana}/d/pulse-${dashboard}${variables.length === 0 ? '' : `?${variables.join('&')}`}`
}

const yaml = (document: object): string => `#${NOTICE}\n${stringify(document, { lineWidth: 0 })}`
