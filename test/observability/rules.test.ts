import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { alertmanagerConfig, inhibitions } from '../../observability/alertmanager.ts'
import type { Alert } from '../../observability/alerts/alert.ts'
import { ALERTS } from '../../observability/alerts/table.ts'
import { RECORDINGS } from '../../observability/recording.ts'
import { ruleFilesOf } from '../../observability/rules.ts'
import { SLOS } from '../../observability/slos.ts'
import { hurried, REAL_TIME } from '../../observability/tempo.ts'
import { METRICS } from '../../src/telemetry/index.ts'
import { readQuery } from '../kit/promql.ts'
import { ALERT_CASES, RECORD_CASES } from './cases/all.ts'
import { firingIn, keyOf } from './cases/case.ts'

const root = resolve(import.meta.dirname, '../..')
const recorded = new Map(RECORDINGS.map(({ record, carries }) => [record, carries]))
const labelsOf = (alert: Alert): string[] => [...alert.carries, ...Object.keys(alert.labels ?? {}), 'grade']
const named = (name: string): readonly Alert[] => ALERTS.filter((alert) => alert.name === name)

for (const rule of RECORDINGS) {
  test(`${keyOf(rule)} asks only for what exists, and carries what it says`, () => {
    const { faults, labels } = readQuery(rule.expr(REAL_TIME), recorded)
    assert.deepEqual(faults, [])
    assert.deepEqual([...labels, ...Object.keys(rule.labels ?? {})].sort(), [...rule.carries].sort())
    assert.match(rule.record, /^[a-z_]+:pulse_[a-z_]+:[a-z0-9_]+$/, 'level:metric:operations')
  })
}

for (const alert of ALERTS) {
  test(`${keyOf(alert)} asks only for what exists, and its texts for labels that it has`, () => {
    const { faults, labels } = readQuery(alert.expr(REAL_TIME), recorded)
    assert.deepEqual(faults, [])
    const fixed = Object.keys(alert.labels ?? {})
    assert.deepEqual(
      labels,
      [...alert.carries].filter((label) => !fixed.includes(label) || labels.includes(label)).sort(),
    )
    for (const text of [alert.summary, alert.description])
      for (const [, label = ''] of text.matchAll(/\$labels\.(\w+)/g)) assert.ok(labelsOf(alert).includes(label), label)
    assert.match(alert.description, /\{\{ \$value \|/, 'the number')
  })

  test(`${keyOf(alert)} is explained by alerts that exist, under labels that they have`, () => {
    for (const { by, where = {}, only = {}, same = [] } of alert.explained ?? []) {
      const sources = named(by)
      assert.ok(sources.length > 0, by)
      for (const label of [...Object.keys(where), ...same])
        assert.ok(
          sources.some((source) => labelsOf(source).includes(label)),
          `${by} has no ${label}`,
        )
      for (const label of [...Object.keys(only), ...same]) assert.ok(labelsOf(alert).includes(label), label)
    }
  })
}

test('no two alerts explain each other, not even in a circle', () => {
  const by = new Map<string, Set<string>>()
  for (const { name, explained = [] } of ALERTS)
    for (const { by: bigger } of explained) if (bigger !== name) by.set(name, (by.get(name) ?? new Set()).add(bigger))
  const visit = (name: string, path: readonly string[]): void => {
    assert.ok(!path.includes(name), [...path, name].join(' < '))
    for (const next of by.get(name) ?? []) visit(next, [...path, name])
  }
  for (const name of by.keys()) visit(name, [])
})

test('every threshold of a promise is an edge of its histogram', () => {
  const checked = SLOS.filter(({ threshold }) => threshold !== undefined).map((slo) => {
    const query = slo.bad('5m')
    const [, metric = ''] = /(\w+)_bucket\{/.exec(query) ?? []
    const [, le = ''] = /le=~?"([\d.]+)(?:\(\[\.\]0\)\?)?"/.exec(query) ?? []
    assert.equal(Number(le), slo.threshold, slo.slug)
    const { buckets } = METRICS[metric as 'pulse_api_request_seconds']
    assert.ok(buckets.includes(Number(le)), `${le} is no edge of ${metric}`)
    return slo.slug
  })
  assert.deepEqual(checked, ['collect-latency', 'freshness', 'preview'])
})

test('the routes that promises are about are routes of the API', () => {
  const source = readFileSync(join(root, 'src/api/route-table.ts'), 'utf8')
  const routes = new Set(
    SLOS.flatMap((slo) => [...slo.all('5m').matchAll(/route="([^"]+)"/g)].map(([, route]) => route)),
  )
  assert.equal(routes.size, 2)
  for (const route of routes) assert.ok(source.includes(`'${route}'`), route)
})

test('every upkeep task is watched', () => {
  const query = named('PulseMaintenanceStale')
    .map(({ expr }) => expr(REAL_TIME))
    .join()
  const watched = [...query.matchAll(/task=~?"([^"]+)"/g)].flatMap(([, tasks = '']) => tasks.split('|'))
  assert.deepEqual(
    watched.sort(),
    [...METRICS.pulse_worker_maintenance_last_success_timestamp_seconds.labels.task].sort(),
  )
})

/** The rules without a scenario in which they speak, and those without one in which they hold their tongue. */
function uncovered(rules: readonly string[], alertCases = ALERT_CASES, recordCases = RECORD_CASES): string[] {
  const gives = recordCases.flatMap((each) => each.gives)
  const positive = new Set([
    ...alertCases.flatMap(firingIn),
    ...gives.filter(([, , samples]) => Object.keys(samples).length > 0).map(([key]) => key),
  ])
  const negative = new Set([
    ...alertCases.flatMap(({ quiet = [] }) => quiet),
    ...gives.filter(([, , samples]) => Object.keys(samples).length === 0).map(([key]) => key),
  ])
  return rules.flatMap((key) => [
    ...(positive.has(key) ? [] : [`${key} never fires or gives anything`]),
    ...(negative.has(key) ? [] : [`${key} is never quiet`]),
  ])
}
const RULES = [...new Set([...ALERTS.map(keyOf), ...RECORDINGS.map(keyOf)])]

test('every rule has a scenario in which it speaks and one in which it does not', () => {
  assert.ok(RULES.length > 90, `${RULES.length} rules`)
  assert.deepEqual(uncovered(RULES), [])
})

test('a rule without a scenario is named, and so is one that is only ever heard', () => {
  assert.deepEqual(uncovered(['PulseNew']), ['PulseNew never fires or gives anything', 'PulseNew is never quiet'])
  const loud = ALERT_CASES.filter(({ quiet = [] }) => !quiet.includes('PulseOffsetGap'))
  assert.deepEqual(uncovered(RULES, loud), ['PulseOffsetGap is never quiet'])
})

test('no scenario is about a rule that does not exist', () => {
  const said = [
    ...ALERT_CASES.flatMap((each) => [...firingIn(each), ...(each.quiet ?? [])]),
    ...RECORD_CASES.flatMap(({ gives }) => gives.map(([key]) => key)),
  ]
  assert.deepEqual(
    [...new Set(said)].filter((key) => !RULES.includes(key)),
    [],
  )
})

test('every alert has a section of the runbook, and every section an alert', () => {
  const sections = [...readFileSync(join(root, 'docs/operate/runbook.md'), 'utf8').matchAll(/^### (Pulse\w+)$/gm)].map(
    ([, name]) => name,
  )
  assert.deepEqual(sections.toSorted(), [...new Set(ALERTS.map(({ name }) => name as string))].sort())
})

test('every section of the runbook says what it means, where to look, what to do and when it is harmless', () => {
  const text = readFileSync(join(root, 'docs/operate/runbook.md'), 'utf8')
  for (const section of text.split(/^### (?=Pulse)/m).slice(1)) {
    const [name = ''] = section.split('\n')
    for (const part of ['**Means.**', '**Look.**', '**Do.**', '**Harmless**'])
      assert.ok(section.includes(part), `${name} lacks ${part}`)
  }
})

test('what the runbook asks Prometheus for exists', () => {
  const text = readFileSync(join(root, 'docs/operate/runbook.md'), 'utf8')
  const queries = [...text.matchAll(/`([^`\n]*\b(?:pulse_\w+|slo:|tenant_bucket:|tenant:)[^`\n]*)`/g)].map(
    ([, query = '']) => query,
  )
  assert.ok(queries.length >= 20, `${queries.length} queries`)
  for (const query of queries) assert.deepEqual(readQuery(query, recorded).faults, [], query)
})

test('every metric and every label of the routing and of inhibition exists', () => {
  const { inhibit_rules: rules, receivers } = parse(alertmanagerConfig()) as {
    inhibit_rules: unknown[]
    receivers: { name: string }[]
  }
  assert.equal(rules.length, inhibitions().length)
  assert.ok(rules.length > 20)
  assert.deepEqual(
    receivers.map(({ name }) => name),
    ['nobody', 'page', 'ticket'],
  )
})

test('hurried rules are the same rules on a faster clock', () => {
  const fast = hurried({ window: (seconds) => seconds / 60, age: (seconds) => seconds / 20 })
  const slow = ruleFilesOf()
  const quick = ruleFilesOf({ tempo: fast, grafana: 'http://localhost:3000' })
  const shape = (text: string): string[] => [...text.matchAll(/- (?:alert|record): (.*)/g)].map(([, name = '']) => name)
  for (const [name, text] of Object.entries(slow)) assert.deepEqual(shape(quick[name] ?? ''), shape(text))
  assert.match(quick['alerts.yaml'] ?? '', /for: 2000ms/)
  assert.match(quick['alerts.yaml'] ?? '', /> 6 and deriv\(tenant:pulse_worker_lag_seconds:max\[2000ms\]\)/)
  assert.doesNotMatch(quick['slo.yaml'] ?? '', /\[\d+[mhd]\]/)
})

test('observability imports Pulse through the doors of telemetry and config alone', () => {
  const folder = join(root, 'observability')
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'))
  assert.ok(files.length > 10)
  const wrong = files.flatMap((path) =>
    [...readFileSync(join(folder, path), 'utf8').matchAll(/from '((?:\.\.\/)+(?:src|test|scripts|bench)\/[^']+)'/g)]
      .map(([, target = '']) => target)
      .filter((target) => !/\/src\/(telemetry|config)\/index\.ts$/.test(target))
      .map((target) => `${path}: ${target}`),
  )
  assert.deepEqual(wrong, [])
})
