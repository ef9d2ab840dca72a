import type { Proof } from './proof.ts'

const parses = {
  number: 13,
  promise: 'Dashboards parse',
  test: 'test/observability/dashboards-queries.test.ts',
} as const
const people = { number: 14, promise: 'Panels are for people', test: 'test/observability/dashboards.test.ts' } as const
const live = { number: 15, promise: 'Dashboards live', test: 'test/real/dashboards.test.ts', real: true } as const

/** Dashboards whose queries are true, whose panels can be read, and which have something to show. */
export const PROOFS: readonly Proof[] = [
  {
    ...parses,
    name: 'every PromQL query parses, and asks for metrics, labels and values that exist',
    mutation: {
      file: 'observability/dashboards/integrity.ts',
      from: 'tenant_bucket:pulse_worker_events_dlq:rate5m',
      to: 'tenant_bucket:pulse_worker_events_dead:rate5m',
    },
  },
  {
    ...parses,
    name: 'every metric of the catalogue is on the dashboard that it names, or says why not',
    mutation: {
      file: 'observability/dashboards/telemetry.ts',
      from: "grown('pulse_log_lines_dropped_total', ['job', 'instance'])",
      to: "grown('pulse_log_lines_total', ['job', 'instance'])",
    },
  },
  {
    ...parses,
    name: 'every legend and every column names a label that the result has',
    mutation: {
      file: 'observability/dashboards/api.ts',
      from: "as: '{{status}}'",
      to: "as: '{{code}}'",
    },
  },
  {
    ...parses,
    name: 'every LogQL query parses, selects by labels, filters by what a line has, and names events that are said',
    mutation: {
      file: 'observability/dashboards/tenant.ts',
      from: '} | tenant="${TENANT}"`',
      to: '} | tenant_slug="${TENANT}"`',
    },
  },
  {
    ...parses,
    name: 'every TraceQL query parses, and asks for attributes that spans have',
    mutation: {
      file: 'observability/dashboards/tenant.ts',
      from: '&& kind = server &&',
      to: '&& kind == server &&',
    },
  },
  {
    ...parses,
    test: 'test/observability/dashboards-variables.test.ts',
    name: 'with any text in a variable every query is the query that it was',
    mutation: {
      file: 'observability/dashboards/variables.ts',
      from: "export const TENANT = '${tenant:percentencode}'",
      to: "export const TENANT = '${tenant:regex}'",
    },
  },
  {
    ...people,
    name: 'every panel says what it asks, what is good, what to do else, in which unit, and where to go on',
    mutation: { file: 'observability/dashboards/said.ts', from: '.unit(said.unit)', to: ".unit('')" },
  },
  {
    ...people,
    name: 'every panel says what it asks, what is good, what to do else, in which unit, and where to go on',
    mutation: {
      file: 'observability/dashboards/said.ts',
      from: '`${said.good}\\n\\n**If not:** ${said.otherwise}`',
      to: 'said.good',
    },
  },
  {
    ...people,
    name: 'there are ten dashboards, each under its own fixed uid, read-only, and importable by nobody’s hand',
    mutation: { file: 'observability/dashboards/dashboard.ts', from: '.uid(`pulse-${slug}`)', to: '.uid(title)' },
  },
  {
    ...people,
    name: 'ids are unique within a dashboard, and a panel’s id begins with its row’s',
    mutation: { file: 'observability/dashboards/dashboard.ts', from: '.id(row.id)', to: '.id(y)' },
  },
  {
    ...people,
    name: 'no panel covers another or sticks out of the page, and no line of a row is left half empty',
    mutation: { file: 'observability/dashboards/dashboard.ts', from: 'x += panel.width', to: 'x += panel.width - 1' },
  },
  {
    ...live,
    name: 'every query of every panel of',
    mutation: {
      file: 'src/worker/gauges.ts',
      from: "  read('pulse_worker_inflight_rows', () => one(tally()?.inFlight))",
      to: '',
    },
  },
  {
    ...live,
    name: 'under load every metric of the catalogue moves, but for those of trouble',
    mutation: {
      file: 'src/telemetry/listen-process.ts',
      from: 'exported: (count) => spans.exported.inc(count)',
      to: 'exported: () => undefined',
    },
  },
  {
    ...live,
    name: 'every rule is evaluated without an error',
    mutation: {
      file: 'observability/recording.ts',
      from: "`      max by (tenant, tenant_bucket) (${series('pulse_tenant_bucket_info')})`",
      to: "`      ${series('pulse_tenant_bucket_info')}`",
    },
  },
]
