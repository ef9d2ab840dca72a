import {
  LogsDedupStrategy,
  TableCellDisplayMode,
  TableSortByFieldStateBuilder,
} from '@grafana/grafana-foundation-sdk/common'
import type { DynamicConfigValue } from '@grafana/grafana-foundation-sdk/dashboard'
import { PanelBuilder as Logs } from '@grafana/grafana-foundation-sdk/logs'
import { PanelBuilder as Table } from '@grafana/grafana-foundation-sdk/table'
import { refOf } from './charts.ts'
import { noLimits, saying, thresholds, type Limits, type Panel, type Said } from './said.ts'
import { logCounts, logLines, LOKI, now, PROMETHEUS, TEMPO, traces, type Asked } from './sources.ts'

interface Column extends Asked {
  /** The column's heading. */
  readonly as: string
  readonly unit?: string
  readonly limits?: Limits
}
interface Rows extends Said {
  /** The labels that a row has, and how they are headed. */
  readonly labels: Readonly<Record<string, string>>
  /** One column of values each; joined by their labels. */
  readonly columns: readonly Column[]
  /** The heading to sort by, the largest first. */
  readonly sort?: string
  readonly empty: string
}

/** A tenant's name leads to its dashboard, wherever it stands. */
const TENANT_LINK = {
  title: "This tenant's dashboard",
  url: '/d/pulse-tenant?var-tenant=${__value.raw:percentencode}&${__url_time_range}',
}
const tenantLink = (heading: string) =>
  [heading, [{ id: 'links', value: [TENANT_LINK] }]] as readonly [string, DynamicConfigValue[]]

/** Rows by label, as they are now. */
export function table(spec: Rows): Panel {
  return saying(spec, () => {
    const isOne = spec.columns.length === 1
    const headings = Object.fromEntries(
      spec.columns.map(({ as }, position) => [isOne ? 'Value' : `Value #${refOf(position)}`, as]),
    )
    const panel = new Table()
      .datasource(PROMETHEUS)
      .targets(spec.columns.map(({ expr }, position) => now({ expr }, refOf(position))))
      .thresholds(thresholds(noLimits))
      .noValue(spec.empty)
    if (!isOne) panel.withTransformation({ id: 'merge', options: {} })
    panel.withTransformation({
      id: 'organize',
      options: { excludeByName: { Time: true }, renameByName: { ...spec.labels, ...headings } },
    })
    if (spec.sort !== undefined) panel.sortBy([new TableSortByFieldStateBuilder().displayName(spec.sort).desc(true)])
    const tenant = spec.labels['tenant'] ?? spec.labels['tenant_bucket']
    if (tenant !== undefined) panel.overrideByName(...mutable(tenantLink(tenant)))
    for (const { as, unit, limits } of spec.columns) {
      panel.overrideByName(as, [
        { id: 'unit', value: unit ?? spec.unit },
        ...(limits === undefined
          ? []
          : [
              { id: 'thresholds', value: thresholds(limits).build() },
              { id: 'custom.cellOptions', value: { type: TableCellDisplayMode.ColorText } },
            ]),
      ])
    }
    return panel
  })
}
const mutable = ([name, values]: readonly [string, DynamicConfigValue[]]): [string, DynamicConfigValue[]] => [
  name,
  values,
]

/** Log lines, the newest first. */
export const logs = (spec: Said & { readonly expr: string; readonly empty: string }): Panel =>
  saying(spec, () =>
    new Logs()
      .datasource(LOKI)
      .targets([logLines(spec.expr)])
      .showTime(true)
      .wrapLogMessage(true)
      .enableLogDetails(true)
      .dedupStrategy(LogsDedupStrategy.None)
      .noValue(spec.empty),
  )

/** What log lines add up to, by tenant: the only place where all tenants have their own names. */
export const logTable = (spec: Said & { readonly expr: string; readonly as: string; readonly empty: string }): Panel =>
  saying(spec, () =>
    new Table()
      .datasource(LOKI)
      .targets([logCounts(spec.expr)])
      .withTransformation({
        id: 'organize',
        options: { excludeByName: { Time: true }, renameByName: { tenant: 'Tenant', 'Value #A': spec.as } },
      })
      .sortBy([new TableSortByFieldStateBuilder().displayName(spec.as).desc(true)])
      .overrideByName(...mutable(tenantLink('Tenant')))
      .noValue(spec.empty),
  )

/** Traces, each with a link to its waterfall. */
export const traceTable = (spec: Said & { readonly query: string; readonly empty: string }): Panel =>
  saying(spec, () =>
    new Table()
      .datasource(TEMPO)
      .targets([traces(spec.query)])
      .noValue(spec.empty),
  )
