import assert from 'node:assert/strict'
import { test } from 'node:test'
import { composeOf, filesOf, inDeploy, LISTENS, textOf, yamlOf } from '../kit/deploy.ts'
import { existsSync } from 'node:fs'

const compose = await composeOf()

interface Datasource {
  readonly name: string
  readonly uid: string
  readonly type: string
  readonly url: string
  readonly jsonData?: unknown
}
const provisioned = async (): Promise<Datasource[]> => {
  const files = (await filesOf('grafana/provisioning/datasources')).filter((path) => /\.ya?ml$/.test(path))
  return (await Promise.all(files.map((path) => yamlOf<{ datasources: Datasource[] }>(path)))).flatMap(
    ({ datasources }) => datasources,
  )
}

/** Every value under a key, however deep. */
function* under(key: string, value: unknown): Generator<unknown> {
  if (value === null || typeof value !== 'object') return
  for (const [name, inner] of Object.entries(value)) {
    if (name === key) yield inner
    yield* under(key, inner)
  }
}

test('Grafana finds each datasource at a service, and each dashboard its datasources', async () => {
  const datasources = await provisioned()
  const uids = new Set(datasources.map(({ uid }) => uid))
  for (const uid of ['pulse-prometheus', 'pulse-loki', 'pulse-tempo']) assert.ok(uids.has(uid), uid)
  for (const { uid, url } of datasources) {
    const { hostname, port } = new URL(url)
    assert.ok(LISTENS[hostname]?.includes(Number(port)), `${uid}: ${url}`)
  }
  for (const given of under('datasourceUid', datasources))
    assert.ok(uids.has(String(given)), `a link to ${String(given)}`)
  const dashboards = (await filesOf('grafana/dashboards')).filter((path) => path.endsWith('.json'))
  assert.ok(dashboards.length >= 10, `${dashboards.length} dashboards`)
  for (const path of dashboards) {
    for (const given of under('datasource', JSON.parse(await textOf(path)))) {
      const uid = typeof given === 'object' && given !== null ? (given as { uid?: string }).uid : undefined
      // Annotations and mixed panels name Grafana itself.
      if (uid === undefined || uid.startsWith('-- ') || uid === 'grafana') continue
      assert.ok(uids.has(uid), `${path}: ${uid}`)
    }
  }
})

test('the dashboards are provisioned from where they are mounted, and the home dashboard is one of them', async () => {
  const grafana = compose.services['grafana']
  const mounted = grafana?.volumes?.find((mount) => mount.startsWith('./grafana/dashboards:'))?.split(':')[1]
  const [file] = (await filesOf('grafana/provisioning/dashboards')).filter((path) => /\.ya?ml$/.test(path))
  const { providers } = await yamlOf<{ providers: { allowUiUpdates: boolean; options: { path: string } }[] }>(
    file ?? '',
  )
  for (const provider of providers) {
    assert.equal(provider.options.path, mounted)
    assert.equal(provider.allowUiUpdates, false)
  }
  const home = grafana?.environment?.['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH'] ?? ''
  assert.ok(existsSync(inDeploy(home.replace(`${mounted}/`, 'grafana/dashboards/'))), home)
})

test('Prometheus scrapes every process of Pulse at its port and path, and finds its rules and its Alertmanager', async () => {
  interface Config {
    readonly rule_files: readonly string[]
    readonly scrape_configs: readonly {
      readonly job_name: string
      readonly metrics_path?: string
      readonly static_configs: readonly { readonly targets: readonly string[] }[]
    }[]
    readonly alerting: {
      readonly alertmanagers: readonly { readonly static_configs: readonly { readonly targets: readonly string[] }[] }[]
    }
  }
  const config = await yamlOf<Config>('prometheus/prometheus.yml')
  const targetsOf = (job: string): readonly string[] =>
    config.scrape_configs
      .find(({ job_name: name }) => name === job)
      ?.static_configs.flatMap(({ targets }) => targets) ?? []
  assert.deepEqual(targetsOf('pulse-api'), ['api:8000'])
  assert.deepEqual(targetsOf('pulse-worker'), ['worker:9100'])
  assert.deepEqual(targetsOf('pulse-canary'), ['canary:9102'])
  assert.equal(config.scrape_configs.find(({ job_name: name }) => name === 'pulse-api')?.metrics_path, '/metrics/')
  const everywhere = [
    ...config.scrape_configs.flatMap(({ static_configs: some }) => some),
    ...config.alerting.alertmanagers.flatMap(({ static_configs: some }) => some),
  ].flatMap(({ targets }) => targets)
  for (const target of everywhere) {
    const [host = '', port] = target.split(':')
    // Prometheus scrapes itself where it stands.
    assert.ok(LISTENS[host === 'localhost' ? 'prometheus' : host]?.includes(Number(port)), target)
  }
  assert.ok(everywhere.includes('alertmanager:9093'))
  for (const pattern of config.rule_files) {
    // Relative to the file, and so right wherever the folder is mounted.
    const folder = pattern.replace(/\/?[^/]*$/, '')
    assert.ok(
      (await filesOf(`prometheus/${folder}`)).some((path) => /\.ya?ml$/.test(path)),
      `${pattern} finds no rule`,
    )
  }
})

/** As deploy/alloy/lines.alloy ships them (its own test holds that against a real line). */
const LABELS = ['service_name', 'plane', 'env']
const METADATA = ['trace_id', 'span_id', 'tenant', 'dataset', 'event', 'level']

test('the links between metrics, traces and logs go by names that a log line has', async () => {
  const datasources = new Map((await provisioned()).map((datasource) => [datasource.uid, datasource]))
  const told = (uid: string): Record<string, unknown> =>
    (datasources.get(uid)?.jsonData ?? {}) as Record<string, unknown>
  const derived = (told('pulse-loki')['derivedFields'] ?? []) as {
    matcherType: string
    matcherRegex: string
    datasourceUid?: string
  }[]
  for (const { matcherType, matcherRegex } of derived) {
    assert.equal(matcherType, 'label', matcherRegex)
    assert.ok([...LABELS, ...METADATA].includes(matcherRegex), matcherRegex)
  }
  assert.ok(derived.some((field) => field.matcherRegex === 'trace_id' && field.datasourceUid === 'pulse-tempo'))
  const toLogs = told('pulse-tempo')['tracesToLogsV2'] as { datasourceUid: string; query: string }
  assert.equal(toLogs.datasourceUid, 'pulse-loki')
  assert.match(toLogs.query, /service_name=/)
  assert.match(toLogs.query, /trace_id=/)
  for (const [, name = ''] of toLogs.query.matchAll(/\b([a-z_]+)\s*=~?\s*"/g))
    assert.ok([...LABELS, ...METADATA].includes(name), name)
  assert.equal((told('pulse-tempo')['serviceMap'] as { datasourceUid: string }).datasourceUid, 'pulse-prometheus')
  const exemplars = told('pulse-prometheus')['exemplarTraceIdDestinations'] as { name: string; datasourceUid: string }[]
  assert.deepEqual(
    exemplars.map(({ name, datasourceUid }) => [name, datasourceUid]),
    [['trace_id', 'pulse-tempo']],
  )
})
