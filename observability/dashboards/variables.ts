import { QueryVariableBuilder, VariableRefresh, VariableSort } from '@grafana/grafana-foundation-sdk/dashboard'
import { series, type Where } from '../query.ts'
import { PROMETHEUS } from './sources.ts'

/**
 * How a variable stands in a query. Percent-encoding leaves a slug as it is (`^[a-z][a-z0-9_-]{0,62}$`, `_other`) and makes of any other
 * text one without quotes, backslashes, backticks and regex characters: whatever somebody types, the query stays a query
 * and finds nothing. Grafana's own escapes do not promise that: `regex` and the default let a quote or a backtick through, `json`
 * quotes nothing.
 */
export const TENANT = '${tenant:percentencode}'
const DATASET = '${dataset:percentencode}'
/** For selectors of PromQL. */
export const OF_TENANT = { tenant: TENANT } as const
export const OF_DATASET = { tenant: TENANT, dataset: DATASET } as const

type Tenants = Where<'pulse_tenant_bucket_info'>
type Pairs = Where<'pulse_worker_events_consumed_total'>

const variable = (name: string, label: string, description: string, selector: string): QueryVariableBuilder =>
  new QueryVariableBuilder(name)
    .label(label)
    .description(description)
    .datasource(PROMETHEUS)
    // 1 = label_values, as Grafana's own editor writes it.
    .query({
      qryType: 1,
      query: `label_values(${selector}, ${name})`,
      refId: 'PrometheusVariableQueryEditor-VariableQuery',
    })
    .definition(`label_values(${selector}, ${name})`)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
    .multi(false)
    .includeAll(false)
    .allowCustomValue(true)

/** One tenant: one with series of its own, `_other` for all that have none, or any slug that somebody types, for logs and traces. */
export const tenantVariable = (): QueryVariableBuilder =>
  variable(
    'tenant',
    'Tenant',
    'The list has tenants with series of their own, and _other for all the rest together. Type any slug: logs and traces know each tenant by name.',
    series('pulse_tenant_bucket_info', {} as Tenants),
  )

/** One dataset of that tenant. */
export const datasetVariable = (): QueryVariableBuilder =>
  variable(
    'dataset',
    'Dataset',
    'Datasets of the tenant that have series of their own, and _other for the rest.',
    series('pulse_worker_events_consumed_total', OF_TENANT as Pairs),
  )
