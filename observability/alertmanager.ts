import { stringify } from 'yaml'
import type { Alert, Explained } from './alerts/alert.ts'
import { ALERTS } from './alerts/table.ts'
import { NOTICE } from './rules.ts'
import { REAL_TIME, type Tempo } from './tempo.ts'

interface Inhibition {
  readonly source_matchers: readonly string[]
  readonly target_matchers: readonly string[]
  readonly equal?: readonly string[]
}

const matchers = (name: string, labels: Readonly<Record<string, string>> = {}): string[] => [
  `alertname="${name}"`,
  ...Object.entries(labels).map(([label, value]) => `${label}="${value}"`),
]

const inhibition = ({ name }: Alert, { by, where, only, same }: Explained): Inhibition => ({
  source_matchers: matchers(by, where),
  target_matchers: matchers(name, only),
  ...(same === undefined ? {} : { equal: same }),
})

/** One rule for each bigger alert that explains a smaller one; rules of one name may say the same, once is enough. */
export function inhibitions(alerts: readonly Alert[] = ALERTS): readonly Inhibition[] {
  const all = alerts.flatMap((alert) => (alert.explained ?? []).map((explained) => inhibition(alert, explained)))
  return [...new Map(all.map((rule) => [JSON.stringify(rule), rule])).values()]
}

const RECEIVERS = `# Nobody is told yet: in your copy of this file, give the receivers what reaches you, for instance
#   - name: page
#     webhook_configs: [{ url: 'https://…' }]
# (https://prometheus.io/docs/alerting/latest/configuration/#receiver has e-mail, Slack, PagerDuty and others).
`

/**
 * Alertmanager's configuration: pages and tickets apart, everything else to nobody. Written by hand in it are only the receivers,
 * which a deployment adds to; `webhook` is for tests.
 */
export function alertmanagerConfig(options: { tempo?: Tempo; webhook?: string } = {}): string {
  const { window } = options.tempo ?? REAL_TIME
  const { webhook } = options
  const receiver = (name: string): object => ({
    name,
    ...(webhook === undefined ? {} : { webhook_configs: [{ url: webhook, send_resolved: true }] }),
  })
  const text = stringify(
    {
      route: {
        receiver: 'nobody',
        group_by: ['alertname', 'slo', 'job'],
        group_wait: window('30s'),
        group_interval: window('5m'),
        repeat_interval: '4h',
        routes: [
          { matchers: ['grade="page"'], receiver: 'page' },
          { matchers: ['grade="ticket"'], receiver: 'ticket', repeat_interval: '24h' },
        ],
      },
      inhibit_rules: inhibitions(),
      receivers: [{ name: 'nobody' }, receiver('page'), receiver('ticket')],
    },
    { lineWidth: 0 },
  )
  return `#${NOTICE}\n${webhook === undefined ? RECEIVERS : ''}${text}`
}
