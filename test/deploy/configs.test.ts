import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAllDocuments } from 'yaml'
import { announce, openLog, resourceOf } from '../../src/telemetry/index.ts'
import { runWith } from '../../src/tenancy/index.ts'
import { environmentOf, parseAlloy, referencesOf, type AlloyBlock, type AlloyValue } from '../kit/alloy.ts'
import { said } from '../kit/announcements.ts'
import { addressesIn, composeOf, filesOf, LISTENS, textOf, yamlOf } from '../kit/deploy.ts'

const compose = await composeOf()
const all = await filesOf('.')

test('every file of deploy/ is one that can be read', async () => {
  let read = 0
  for (const path of all) {
    const text = await textOf(path)
    if (/\.ya?ml$/.test(path)) {
      for (const document of parseAllDocuments(text, { strict: true, uniqueKeys: true, merge: true }))
        assert.deepEqual(document.errors, [], path)
    } else if (path.endsWith('.json')) JSON.parse(text)
    else if (path.endsWith('.alloy')) assert.ok(parseAlloy(text).length > 0, path)
    else assert.match(path, /(^\.env|Dockerfile|\.sh|\.mjs|\.md)$/, `nobody checks ${path}`)
    assert.doesNotMatch(text, /\t +\S/, `${path}: tabs and spaces mixed`)
    read += 1
  }
  assert.ok(read >= 10)
})

test('every address in a configuration names a service at a port that it listens on', async () => {
  let checked = 0
  for (const path of all.filter(
    (path) => /\.(ya?ml|alloy)$/.test(path) && path !== 'compose.yaml' && !path.includes('/rules/'),
  )) {
    for (const { host, port } of addressesIn(byDefault(await textOf(path)))) {
      assert.ok(LISTENS[host]?.includes(port), `${path}: ${host}:${port}`)
      checked += 1
    }
  }
  assert.ok(checked >= 5, `${checked} addresses`)
})

interface Tempo {
  readonly live_store: { readonly wal: { readonly path: string }; readonly shutdown_marker_dir: string }
  readonly block_builder: { readonly wal: { readonly path: string } }
  readonly backend_scheduler: { readonly local_work_path: string }
  readonly backend_worker: { readonly finish_on_shutdown_timeout: string }
  readonly storage: {
    readonly trace: { readonly wal: { readonly path: string }; readonly local: { readonly path: string } }
  }
  readonly distributor: {
    readonly receivers: { readonly otlp: { readonly protocols: Record<string, { readonly endpoint: string }> } }
  }
  readonly metrics_generator: {
    readonly processor: {
      readonly service_graphs: { readonly enable_messaging_system_latency_histogram: boolean }
      readonly span_metrics: { readonly intrinsic_dimensions: Record<string, boolean> }
    }
    readonly storage: { readonly path: string; readonly remote_write: readonly { readonly url: string }[] }
  }
  readonly ingester?: unknown
  readonly compactor?: unknown
}
/** What is there when nothing is set: `${NAME:-default}`. */
const byDefault = (text: string): string => text.replace(/\$\{\w+:-([^}]*)\}/g, '$1')

test('Tempo 3 keeps all of its places on its volume, ends in time, and tells Prometheus what it measures', async () => {
  const tempo = await yamlOf<Tempo>('tempo/tempo.yaml')
  assert.deepEqual([tempo.ingester, tempo.compactor], [undefined, undefined], 'Tempo 2 had these; 3 refuses them')
  const volume = compose.services['tempo']?.volumes?.find((mount) => mount.startsWith('tempo:'))?.split(':')[1]
  for (const path of [
    tempo.live_store.wal.path,
    tempo.live_store.shutdown_marker_dir,
    tempo.block_builder.wal.path,
    tempo.backend_scheduler.local_work_path,
    tempo.storage.trace.wal.path,
    tempo.storage.trace.local.path,
    tempo.metrics_generator.storage.path,
  ])
    assert.ok(`${byDefault(path)}/`.startsWith(`${volume}/`), `${path} is lost with the container`)
  const grace = Number.parseInt(compose.services['tempo']?.stop_grace_period ?? '10', 10)
  assert.ok(Number.parseInt(tempo.backend_worker.finish_on_shutdown_timeout, 10) < grace)
  const endpoints = Object.values(tempo.distributor.receivers.otlp.protocols).map(({ endpoint }) => byDefault(endpoint))
  assert.deepEqual(endpoints, ['0.0.0.0:4317', '0.0.0.0:4318'])
  assert.equal(tempo.metrics_generator.processor.service_graphs.enable_messaging_system_latency_histogram, true)
  const { intrinsic_dimensions: dimensions } = tempo.metrics_generator.processor.span_metrics
  assert.deepEqual(
    Object.keys(dimensions)
      .filter((name) => dimensions[name])
      .sort(),
    ['service', 'span_name', 'status_code'],
  )
  assert.match(
    byDefault(tempo.metrics_generator.storage.remote_write[0]?.url ?? ''),
    /^http:\/\/prometheus:9090\/api\/v1\/write$/,
  )
  assert.ok(compose.services['prometheus']?.command?.includes('--web.enable-remote-write-receiver'))
  assert.ok(compose.services['prometheus']?.command?.includes('--enable-feature=exemplar-storage'))
})

test('Loki keeps structured metadata, forgets in time, and guesses nothing', async () => {
  const loki = await yamlOf<{
    schema_config: { configs: { schema: string; store: string }[] }
    limits_config: Record<string, unknown>
    compactor: Record<string, unknown>
    server: Record<string, string>
  }>('loki/loki.yaml')
  assert.deepEqual(
    loki.schema_config.configs.map(({ schema, store }) => [schema, store]),
    [['v13', 'tsdb']],
  )
  assert.equal(loki.limits_config['allow_structured_metadata'], true)
  assert.match(String(loki.limits_config['retention_period']), /^\d+h$/)
  assert.equal(loki.compactor['retention_enabled'], true)
  assert.equal(byDefault(String(loki.server['http_listen_port'])), '3100')
})

const find = (blocks: readonly AlloyBlock[], name: string): AlloyBlock[] =>
  blocks.flatMap((block) => [...(block.name === name ? [block] : []), ...find(block.blocks, name)])
const membersOf = (value: AlloyValue | undefined): string[] =>
  value?.kind === 'object' ? [...value.members.keys()] : []
const textsOf = (value: AlloyValue | undefined): string[] =>
  value?.kind === 'list' ? value.items.flatMap((item) => (item.kind === 'text' ? [item.text] : [])) : []

test('every reference in an Alloy file is to a component of it, and every variable is given', async () => {
  for (const path of all.filter((path) => path.endsWith('.alloy'))) {
    const source = await textOf(path)
    const blocks = parseAlloy(source)
    const inside = blocks.flatMap((block) => (block.name === 'declare' ? block.blocks : [block]))
    const names = inside.map(({ name, label }) => (label === undefined ? name : `${name}.${label}`))
    for (const reference of referencesOf(blocks))
      assert.ok(
        names.some((name) => reference.startsWith(`${name}.`)),
        `${path}: ${reference}`,
      )
    if (path !== 'alloy/config.alloy') continue
    for (const name of environmentOf(source)) assert.ok(name in (compose.services['alloy']?.environment ?? {}), name)
    const [imported] = find(blocks, 'import.file')
    assert.deepEqual(imported?.attributes.get('filename'), { kind: 'text', text: '/etc/alloy/lines.alloy' })
    assert.ok(compose.services['alloy']?.volumes?.includes('./alloy:/etc/alloy:ro'))
    const [filter] = find(blocks, 'filter')
    assert.deepEqual(textsOf(filter?.attributes.get('values')), ['pulse.logs=true'])
  }
})

test('what Alloy takes out of a line is there, under the labels that Grafana asks for', async (t) => {
  const text: string[] = []
  const log = openLog({ level: 'info', resource: resourceOf('worker'), to: { write: (line) => text.push(line) } })
  t.after(() => log[Symbol.asyncDispose]())
  runWith({ tenantId: 'x', tenantSlug: 'acme' }, () => announce('worker.flush.failed', said('worker.flush.failed')))
  const line = JSON.parse(text[0] ?? '{}') as Record<string, unknown>
  const blocks = parseAlloy(await textOf('alloy/lines.alloy'))
  const [json] = find(blocks, 'stage.json')
  const taken = json?.attributes.get('expressions')
  const sources =
    taken?.kind === 'object' ? [...taken.members.values()].map((value) => (value as { text: string }).text) : []
  for (const name of sources) assert.equal(typeof line[name], 'string', `a line has no ${name}`)
  assert.deepEqual(textsOf(find(blocks, 'stage.label_keep')[0]?.attributes.get('values')).sort(), [
    'env',
    'plane',
    'service_name',
  ])
  assert.deepEqual(membersOf(find(blocks, 'stage.structured_metadata')[0]?.attributes.get('values')).sort(), [
    'dataset',
    'event',
    'level',
    'span_id',
    'tenant',
    'trace_id',
  ])
  for (const name of membersOf(find(blocks, 'stage.structured_metadata')[0]?.attributes.get('values')))
    assert.ok(membersOf(taken).includes(name), name)
})
