import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { stringify } from 'yaml'
import { ALERTS } from '../../observability/alerts/table.ts'
import { ruleFilesOf } from '../../observability/rules.ts'
import { run } from '../kit/kafka.ts'
import { ALERT_CASES, RECORD_CASES } from '../observability/cases/all.ts'
import { firingIn, type AlertCase, type RecordCase } from '../observability/cases/case.ts'

/**
 * Every rule in the scenarios of `test/observability/cases`, evaluated by Prometheus' own code: promtool 2.42, which knows neither
 * `fuzzy_compare` nor `start_timestamp`.
 */
const root = resolve(import.meta.dirname, '../..')
const rules = Object.keys(ruleFilesOf())
const alertNamed = new Map(ALERTS.map((alert) => [alert.name as string, alert]))

const inputOf = (series: AlertCase['series']) =>
  Object.entries(series).map(([name, values]) => ({ series: name, values }))
const minutes = (at: number): string => `${at}m`

/** What fires, whole by name, so that nothing more of that name may. */
function alertTests({ at, fires = {} }: AlertCase): object[] {
  return Object.entries(fires).map(([name, all]) => {
    const alert = alertNamed.get(name)
    if (alert === undefined) throw new Error(`no alert ${name}`)
    return {
      eval_time: minutes(at),
      alertname: name,
      exp_alerts: all.map(({ labels, summary, description }) => ({
        exp_labels: labels,
        exp_annotations: {
          summary,
          description,
          dashboard: dashboardFor(alert.dashboard, labels),
          runbook: `docs/operate/runbook.md#${name.toLowerCase()}`,
        },
      })),
    }
  })
}

/** What must not fire, by the series that Prometheus keeps of it: one rule of a name may, and another not. */
const quietTests = ({ at, quiet = [] }: AlertCase): object[] =>
  quiet.map((key) => {
    const [name = '', of] = key.split('/')
    const label = of === undefined ? '' : of.startsWith('pulse-') ? `,job="${of}"` : `,window="${of}"`
    return {
      expr: `ALERTS{alertname="${name}",alertstate="firing"${label}}`,
      eval_time: minutes(at),
      exp_samples: [],
    }
  })

function dashboardFor(slug: string, labels: Readonly<Record<string, string>>): string {
  const tenant = labels['tenant'] ?? labels['tenant_bucket']
  const variables = [
    ...(tenant === undefined ? [] : [`var-tenant=${tenant}`]),
    ...(labels['dataset'] === undefined ? [] : [`var-dataset=${labels['dataset']}`]),
  ]
  return `http://localhost:3000/d/pulse-${slug}${variables.length === 0 ? '' : `?${variables.join('&')}`}`
}

/** Floats are compared in the query: promtool 2.42 compares them to the last bit. */
const queryTests = ({ at, gives }: RecordCase): object[] =>
  gives.map(([, query, samples]) => {
    const [value] = Object.values(samples)
    return {
      expr: value === undefined ? query : `abs((${query}) - (${value})) < bool 1e-9`,
      eval_time: minutes(at),
      exp_samples: Object.keys(samples).map((labels) => ({ labels, value: 1 })),
    }
  })

/** A case needs the objectives or everything else: rules over days are dear to evaluate. */
function fileOf(case_: AlertCase | RecordCase): string {
  const said = 'gives' in case_ ? case_.gives.map(([key]) => key) : [...firingIn(case_), ...(case_.quiet ?? [])]
  const isSlo = said.every((key) => /^slo:|Burn\//.test(key))
  return stringify({
    rule_files: rules.filter((name) => (name === 'slo.yaml') === isSlo).map((name) => `rules/${name}`),
    evaluation_interval: '1m',
    tests: [
      {
        interval: '1m',
        input_series: inputOf(case_.series),
        ...('gives' in case_
          ? { promql_expr_test: queryTests(case_) }
          : { alert_rule_test: alertTests(case_), promql_expr_test: quietTests(case_) }),
      },
    ],
  })
}

const cases = [...ALERT_CASES, ...RECORD_CASES]
let folder = ''
let said = ''

before(
  async () => {
    folder = await mkdtemp(join(tmpdir(), 'pulse-promtool-'))
    await mkdir(join(folder, 'rules'))
    for (const [name, text] of Object.entries(ruleFilesOf())) await writeFile(join(folder, 'rules', name), text)
    const names = cases.map((_, position) => join(folder, `case-${String(position).padStart(3, '0')}.yaml`))
    await Promise.all(cases.map((each, position) => writeFile(names[position] ?? '', fileOf(each))))
    const { stdout, stderr } = await run('promtool', ['test', 'rules', ...names], { timeoutMs: 240_000 })
    said = stdout + stderr
  },
  { timeout: 260_000 },
)
after(() => rm(folder, { recursive: true, force: true }))

/** What promtool said of one file: `SUCCESS`, or what it expected and got. */
function verdictOn(position: number): string {
  const name = `case-${String(position).padStart(3, '0')}.yaml`
  const [, after = ''] = said.split(`${name}\n`)
  return after.split('Unit Testing:')[0]?.trim() ?? ''
}

for (const [position, each] of cases.entries()) {
  const what =
    'gives' in each
      ? [...new Set(each.gives.map(([key]) => key.split('/')[0]))].slice(0, 2).join(', ')
      : firingIn(each).length > 0
        ? `fires ${firingIn(each).join(', ')}`
        : `does not fire ${each.quiet?.join(', ')}`
  test(`${each.scenario}: ${what}`, () => assert.equal(verdictOn(position), 'SUCCESS'))
}

/** Claims that are easily lost, and the scenario that holds each. */
const CLAIMS: readonly (readonly [claim: string, scenario: string])[] = [
  ['a dead fleet of workers is told', 'every worker is dead, and only the API still knows of the partitions'],
  [
    'a second API process does not break the buckets',
    'pulse_worker_events_consumed: by tenant and by bucket, also when several processes name the bucket',
  ],
  ['what came back after an outage was not lost', 'events that were missing during an outage have come back, late'],
]
for (const [claim, scenario] of CLAIMS) {
  test(claim, () => assert.equal(verdictOn(cases.findIndex((each) => each.scenario === scenario)), 'SUCCESS'))
}

test('promtool finds nothing wrong with the rules and the configuration of deploy', async () => {
  const folder = join(root, 'deploy/prometheus')
  const config = await run('promtool', ['check', 'config', join(folder, 'prometheus.yml')], { timeoutMs: 30_000 })
  assert.equal(config.code, 0, config.stdout + config.stderr)
  assert.match(config.stdout, /3 rule files found/)
  const checked = await run('promtool', ['check', 'rules', ...rules.map((name) => join(folder, 'rules', name))], {
    timeoutMs: 30_000,
  })
  assert.equal(checked.code, 0, checked.stdout + checked.stderr)
})

test('amtool finds nothing wrong with the routing, and each grade goes where it belongs', async () => {
  const config = join(root, 'deploy/alertmanager/alertmanager.yml')
  const checked = await run('amtool', ['check-config', config], { timeoutMs: 30_000 })
  assert.equal(checked.code, 0, checked.stdout + checked.stderr)
  for (const [grade, receiver] of [
    ['page', 'page'],
    ['ticket', 'ticket'],
    ['none', 'nobody'],
  ] as const) {
    const routed = await run('amtool', ['config', 'routes', 'test', `--config.file=${config}`, `grade=${grade}`], {
      timeoutMs: 30_000,
    })
    assert.equal(routed.stdout.trim(), receiver, routed.stderr)
  }
  const stranger = await run('amtool', ['config', 'routes', 'test', `--config.file=${config}`, 'severity=critical'], {
    timeoutMs: 30_000,
  })
  assert.equal(stranger.stdout.trim(), 'nobody')
})
