import assert from 'node:assert/strict'
import { test } from 'node:test'
import { filesOf, textOf, yamlOf } from '../kit/deploy.ts'
import { parse } from '../kit/grammars.ts'
import { readQuery } from '../kit/promql.ts'

/** What Grafana reads when it starts. That addresses, uids and mounted paths fit the stack is test/deploy's to check. */
interface Source {
  readonly uid: string
  readonly editable: boolean
  readonly isDefault?: boolean
  readonly jsonData: Readonly<Record<string, unknown>>
}
const text = await textOf('grafana/provisioning/datasources/pulse.yaml')
const { datasources } = await yamlOf<{ datasources: Source[] }>('grafana/provisioning/datasources/pulse.yaml')
/** `$$` is how a dollar is written in a provisioning file. */
const meant = (value: string): string => value.replaceAll('$$', '$')
const settingsOf = <T>(uid: string): T => {
  const found = datasources.find((source) => source.uid === uid)
  assert.ok(found !== undefined, uid)
  return found.jsonData as T
}

test('no dollar in the provisioning is one that Grafana would take for a variable of its environment', async () => {
  for (const path of await filesOf('grafana/provisioning'))
    for (const [dollars] of (await textOf(path)).matchAll(/\$+/g)) assert.equal(dollars.length % 2, 0, path)
  assert.ok(text.includes('$${__span.tags["service.name"]}'))
})

test('nobody changes what is provisioned, and one datasource is asked where none is named', () => {
  assert.deepEqual(
    datasources.map(({ editable }) => editable),
    datasources.map(() => false),
  )
  assert.deepEqual(
    datasources.filter(({ isDefault }) => isDefault === true).map(({ uid }) => uid),
    ['pulse-prometheus'],
  )
})

test('from a span to its log lines: the query is LogQL once Grafana has filled it in', () => {
  const { tracesToLogsV2: logs } = settingsOf<{ tracesToLogsV2: Record<string, string | boolean> }>('pulse-tempo')
  assert.equal(logs['customQuery'], true)
  assert.deepEqual([logs['spanStartTimeShift'], logs['spanEndTimeShift']], ['-5m', '5m'])
  const query = meant(String(logs['query']))
  assert.equal(query, '{service_name="${__span.tags["service.name"]}"} | trace_id="${__trace.traceId}"')
  const filled = query
    .replace('${__span.tags["service.name"]}', 'pulse-worker')
    .replace('${__trace.traceId}', '4bf92f3577b34da6a3ce929d0e0e4736')
  assert.deepEqual(parse('LogQL', filled).faults, [])
})

test('from a span to metrics: the queries are of metrics that exist, with all, some and none of the tags', () => {
  interface ToMetrics {
    readonly tags: readonly { readonly key: string; readonly value: string }[]
    readonly queries: readonly { readonly name: string; readonly query: string }[]
  }
  const { tracesToMetrics } = settingsOf<{ tracesToMetrics: ToMetrics }>('pulse-tempo')
  assert.equal(tracesToMetrics.queries.length, 2)
  const tags = tracesToMetrics.tags.map(({ value }) => `${value}="acme"`)
  for (const { name, query } of tracesToMetrics.queries)
    for (const some of [tags, tags.slice(0, 1), []])
      assert.deepEqual(readQuery(meant(query).replaceAll('$__tags', some.join(', '))).faults, [], name)
})

test('from a log line: its trace in Tempo, and its tenant’s dashboard', () => {
  interface Derived {
    readonly matcherRegex: string
    readonly url: string
    readonly datasourceUid?: string
  }
  const { derivedFields } = settingsOf<{ derivedFields: readonly Derived[] }>('pulse-loki')
  assert.deepEqual(
    derivedFields.map(({ matcherRegex, url, datasourceUid }) => [matcherRegex, meant(url), datasourceUid]),
    [
      ['trace_id', '${__value.raw}', 'pulse-tempo'],
      ['tenant', '/d/pulse-tenant?var-tenant=${__value.raw}', undefined],
    ],
  )
})
