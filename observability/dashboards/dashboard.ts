import {
  AnnotationQueryBuilder,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  RowBuilder,
  TimePickerBuilder,
  type Dashboard as DashboardModel,
  type QueryVariableBuilder,
} from '@grafana/grafana-foundation-sdk/dashboard'
import type { Dashboard } from '../../src/telemetry/index.ts'
import { grown, highest } from './queries.ts'
import type { Panel } from './said.ts'
import { overTime, PROMETHEUS } from './sources.ts'

/** Panels that answer one question together. */
interface Row {
  /** Of the heading: ten times the row's place, so that the panels' ids below it are free. */
  readonly id: number
  readonly title: string
  readonly panels: readonly Panel[]
}
interface Spec {
  readonly slug: Dashboard
  readonly title: string
  /** What it answers, in a sentence. */
  readonly description: string
  readonly rows: readonly Row[]
  readonly variables?: readonly QueryVariableBuilder[]
}

const COLUMNS = 24

/** One step of the marks, that a mark has to outlast to be seen: what was not there a step ago is new. At least a minute. */
const STEP = '$__interval'
/** What is there now and was not, a step ago. */
const appeared = (expr: string): string => `${expr} unless ${expr.replace(/(pulse_\w+)/, `$1 offset ${STEP}`)}`

const mark = (name: string, color: string, expr: string, title: string, text: string): AnnotationQueryBuilder =>
  new AnnotationQueryBuilder()
    .name(name)
    .datasource(PROMETHEUS)
    .enable(true)
    .iconColor(color)
    .target(overTime({ expr }, 'Anno').interval('1m'))
    .titleFormat(title)
    .textFormat(text)

/** On every time axis: what was changed, by whom, and who was told. */
const marks = (): AnnotationQueryBuilder[] => [
  mark(
    'Alerts',
    'red',
    'max by (alertname, grade, tenant, dataset) (ALERTS{alertstate="firing",grade=~"page|ticket"})',
    '{{alertname}}',
    '{{grade}} {{tenant}} {{dataset}}',
  ),
  mark(
    'Deploys',
    'blue',
    appeared(highest('pulse_build_info', ['plane', 'version', 'commit'])),
    'Deployed: {{plane}} {{version}}',
    'commit {{commit}}',
  ),
  mark(
    'Settings',
    'purple',
    appeared(highest('pulse_config_info', ['job', 'hash'])),
    'Settings changed: {{job}}',
    'hash {{hash}}',
  ),
  mark(
    'Registry',
    'light-blue',
    `${grown('pulse_api_config_changes_total', ['entity', 'action'], {}, STEP)} > 0`,
    '{{entity}} {{action}}',
    'through the API',
  ),
]

/** Rows one below the other, panels from left to right, wrapped where a line is full. */
export function dashboard({ slug, title, description, rows, variables = [] }: Spec): DashboardModel {
  const built = new DashboardBuilder(title)
    .uid(`pulse-${slug}`)
    .description(description)
    .tags(['pulse'])
    .readonly()
    .timezone('browser')
    .time({ from: 'now-3h', to: 'now' })
    .refresh('30s')
    .timepicker(new TimePickerBuilder().refreshIntervals(['10s', '30s', '1m', '5m', '15m']))
    .tooltip(DashboardCursorSync.Crosshair)
    .variables([...variables])
    .annotations(marks())
    .links([
      new DashboardLinkBuilder('Pulse')
        .type(DashboardLinkType.Dashboards)
        .tags(['pulse'])
        .keepTime(true)
        .includeVars(true),
    ])
  let y = 0
  for (const row of rows) {
    built.withRow(new RowBuilder(row.title).id(row.id).gridPos({ x: 0, y, w: COLUMNS, h: 1 }))
    y += 1
    let x = 0
    let line = 0
    for (const panel of row.panels) {
      if (x + panel.width > COLUMNS) {
        y += line
        x = 0
        line = 0
      }
      built.withPanel(panel.at(x, y))
      x += panel.width
      line = Math.max(line, panel.height)
    }
    y += line
  }
  const model = built.build()
  // The SDK hides links in a menu; these are to be seen.
  const links = [model, ...(model.panels ?? [])].flatMap((part) => ('links' in part ? (part.links ?? []) : []))
  for (const link of links) delete link.placement
  return model
}
