import { dashboardJson } from '../../observability/dashboards/all.ts'

/**
 * The dashboards as Grafana reads them, and their queries as Grafana sends them. They are made here as `npm run check -- --write` makes
 * them; that deploy/grafana holds just that is test/generated.test.ts's.
 */

interface Datasource {
  readonly type?: string
  readonly uid?: string
}
interface Target {
  readonly refId: string
  readonly expr?: string
  readonly query?: string
  readonly datasource: Datasource
  readonly legendFormat?: string
  readonly exemplar?: boolean
  readonly instant?: boolean
  readonly queryType?: string
}
export interface Place {
  readonly x: number
  readonly y: number
  readonly w: number
  readonly h: number
}
export interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly gridPos: Place
  readonly datasource?: Datasource
  readonly targets?: readonly Target[]
  readonly links?: readonly { readonly title: string; readonly url: string }[]
  readonly fieldConfig?: {
    readonly defaults: {
      readonly unit?: string
      readonly thresholds?: { readonly steps: readonly { readonly value: number | null; readonly color: string }[] }
    }
  }
  readonly transformations?: readonly { readonly id: string; readonly options: Record<string, unknown> }[]
}
interface Variable {
  readonly name: string
  readonly multi: boolean
  readonly includeAll: boolean
  readonly query: { readonly query: string }
}
interface Model {
  readonly uid: string
  readonly title: string
  readonly description: string
  readonly schemaVersion: number
  readonly editable: boolean
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly Variable[] }
  readonly annotations: { readonly list: readonly { readonly name: string; readonly target: Target }[] }
}

/** Every dashboard by its slug, with its text. */
export const dashboards = (): ReadonlyMap<string, { readonly model: Model; readonly text: string }> =>
  new Map(
    Object.entries(dashboardJson()).map(([name, text]) => [
      name.replace(/\.json$/, ''),
      { model: JSON.parse(text) as Model, text },
    ]),
  )

export interface Query {
  /** Dashboard, panel and letter: `home 31 A Which datasets are furthest behind?` */
  readonly name: string
  readonly slug: string
  /** Not of a panel: an annotation or a variable. */
  readonly panel: Panel | undefined
  readonly language: 'PromQL' | 'LogQL' | 'TraceQL'
  /** As it stands in the dashboard, with Grafana's variables. */
  readonly text: string
  readonly legend: string
  readonly exemplars: boolean
  readonly instant: boolean
}

const LANGUAGES: Readonly<Record<string, Query['language']>> = { prometheus: 'PromQL', loki: 'LogQL', tempo: 'TraceQL' }

/** Every query of a dashboard: of its panels, its marks and its variables. */
export function queriesOf(slug: string, model: Model): Query[] {
  const query = (name: string, panel: Panel | undefined, target: Target): Query => ({
    name: `${slug} ${name}`,
    slug,
    panel,
    language: LANGUAGES[target.datasource.type ?? ''] ?? 'PromQL',
    text: target.expr ?? target.query ?? '',
    legend: target.legendFormat ?? '',
    exemplars: target.exemplar === true,
    instant: target.instant === true || target.queryType === 'instant',
  })
  const prometheus = { type: 'prometheus' }
  return [
    ...model.panels.flatMap((panel) =>
      (panel.targets ?? []).map((target) => query(`${panel.id} ${target.refId} ${panel.title}`, panel, target)),
    ),
    ...model.annotations.list.map(({ name, target }) => query(`mark ${name}`, undefined, target)),
    ...model.templating.list.map(({ name, query: { query: text } }) =>
      query(`variable ${name}`, undefined, {
        refId: 'A',
        datasource: prometheus,
        expr: /^label_values\((.*), \w+\)$/.exec(text)?.[1] ?? text,
        instant: true,
      }),
    ),
  ]
}

/** As in Grafana's format registry (grafana/scenes, `formatRegistry.ts`), for one value: what the dashboards use, and what they might. */
const FORMATS: Readonly<Record<string, (value: string) => string>> = {
  percentencode: (value) =>
    encodeURIComponent(value).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`),
  regex: (value) => value.replace(/[\\^$*+?.()|[\]{}/]/g, '\\$&'),
  doublequote: (value) => `"${value.replaceAll('"', '\\"')}"`,
  json: (value) => value,
  raw: (value) => value,
}

interface Filling {
  readonly variables: Readonly<Record<string, string>>
  /** For `$__rate_interval`, `$__range` and `$__interval`. */
  readonly rate: string
  readonly range: string
  readonly interval: string
}
const HOUR: Omit<Filling, 'variables'> = { rate: '1m', range: '1h', interval: '1m' }

/** Puts values where variables stand, as Grafana does; throws for a variable or a format that it would leave standing. */
export function fillIn(
  text: string,
  variables: Filling['variables'],
  times: Omit<Filling, 'variables'> = HOUR,
): string {
  const filled = text
    .replaceAll('$__rate_interval', times.rate)
    .replaceAll('$__range', times.range)
    .replaceAll('$__interval', times.interval)
  for (const [whole, name = '', format = ''] of filled.matchAll(/\$\{?(\w+)(?::(\w+))?\}?/g))
    if (variables[name] === undefined || FORMATS[format] === undefined)
      throw new Error(`${whole} is filled by nothing: ${text}`)
  return filled.replace(
    /\$\{(\w+):(\w+)\}/g,
    (_, name: string, format: string) => FORMATS[format]?.(variables[name] ?? '') ?? '',
  )
}
