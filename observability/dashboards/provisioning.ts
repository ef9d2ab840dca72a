import type { DataSourceRef } from '@grafana/grafana-foundation-sdk/common'
import { stringify } from 'yaml'
import { buckets } from '../query.ts'
import { NOTICE } from '../rules.ts'
import { sinceEarliest } from './queries.ts'
import { LOKI, PROMETHEUS, TEMPO } from './sources.ts'

const source = ({ type, uid }: DataSourceRef, name: string, url: string, jsonData: object): object => ({
  name,
  type,
  uid,
  access: 'proxy',
  url,
  editable: false,
  ...(uid === PROMETHEUS.uid ? { isDefault: true } : {}),
  jsonData,
})

/** Grafana fills in what it knows of the span, where a `$__tags` stands; never both a route and a tenant, no series has both. */
const SPAN_TAGS = [
  { key: 'pulse.tenant.id', value: 'tenant' },
  { key: 'pulse.dataset.id', value: 'dataset' },
]
const ROUTES = `histogram_quantile(0.95, sum by (le, route) (rate(${buckets('pulse_api_request_seconds')}[5m])))`
const WATERMARK = 'pulse_worker_committed_watermark_timestamp_seconds'
const BEHIND = sinceEarliest(WATERMARK, ['tenant', 'dataset']).replace(WATERMARK, `${WATERMARK}{$__tags}`)

const DATASOURCES = [
  source(PROMETHEUS, 'Prometheus', 'http://prometheus:9090', {
    httpMethod: 'POST',
    prometheusType: 'Prometheus',
    // As often as it scrapes: $__rate_interval is four of these, or more.
    timeInterval: '15s',
    manageAlerts: true,
    exemplarTraceIdDestinations: [{ name: 'trace_id', datasourceUid: TEMPO.uid, urlDisplayLabel: 'Trace' }],
  }),
  source(LOKI, 'Loki', 'http://loki:3100', {
    maxLines: 1000,
    derivedFields: [
      {
        name: 'Trace',
        matcherType: 'label',
        matcherRegex: 'trace_id',
        datasourceUid: TEMPO.uid,
        url: '${__value.raw}',
        urlDisplayLabel: 'Trace',
      },
      {
        name: 'Tenant',
        matcherType: 'label',
        matcherRegex: 'tenant',
        url: '/d/pulse-tenant?var-tenant=${__value.raw}',
        urlDisplayLabel: "This tenant's dashboard",
      },
    ],
  }),
  source(TEMPO, 'Tempo', 'http://tempo:3200', {
    tracesToLogsV2: {
      datasourceUid: LOKI.uid,
      spanStartTimeShift: '-5m',
      spanEndTimeShift: '5m',
      customQuery: true,
      query: '{service_name="${__span.tags["service.name"]}"} | trace_id="${__trace.traceId}"',
    },
    tracesToMetrics: {
      datasourceUid: PROMETHEUS.uid,
      spanStartTimeShift: '-30m',
      spanEndTimeShift: '30m',
      tags: SPAN_TAGS,
      queries: [
        { name: 'How long routes take (p95)', query: ROUTES },
        { name: 'How far its datasets are behind', query: BEHIND },
      ],
    },
    serviceMap: { datasourceUid: PROMETHEUS.uid },
    nodeGraph: { enabled: true },
    // Tempo looks where the trace is, not through a week.
    traceQuery: { timeShiftEnabled: true, spanStartTimeShift: '-1h', spanEndTimeShift: '1h' },
  }),
  source({ type: 'alertmanager', uid: 'pulse-alertmanager' }, 'Alertmanager', 'http://alertmanager:9093', {
    implementation: 'prometheus',
    handleGrafanaManagedAlerts: false,
  }),
]

const yaml = (document: object): string => `#${NOTICE}\n${stringify(document, { lineWidth: 0 })}`
/** Grafana takes `$NAME` in these files for a variable of its environment; `$$` is a dollar. */
const escaped = (text: string): string => text.replaceAll('$', '$$$$')

/** What Grafana reads when it starts, by path below `provisioning/`: where to ask, and which dashboards there are. */
export const provisioning = (): Readonly<Record<string, string>> => ({
  'datasources/pulse.yaml': escaped(yaml({ apiVersion: 1, prune: true, datasources: DATASOURCES })),
  'dashboards/pulse.yaml': yaml({
    apiVersion: 1,
    providers: [
      {
        name: 'Pulse',
        folder: 'Pulse',
        type: 'file',
        disableDeletion: true,
        // Who wants to change one changes observability/dashboards: what is changed in Grafana is gone at the next start.
        allowUiUpdates: false,
        updateIntervalSeconds: 30,
        options: { path: '/var/lib/grafana/dashboards' },
      },
    ],
  }),
})
