import type { Builder } from '@grafana/grafana-foundation-sdk/cog'
import {
  DashboardLinkBuilder,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type Panel as PanelModel,
  type Threshold,
} from '@grafana/grafana-foundation-sdk/dashboard'
import type { Dashboard } from '../../src/telemetry/index.ts'

/** What every panel says to somebody who has just been woken: no panel compiles without it. */
export interface Said {
  /** Within the dashboard and for ever: links and diffs go by it. Tens are the row. */
  readonly id: number
  /** The question that the panel answers. */
  readonly title: string
  /** How it looks when all is well. */
  readonly good: string
  /** What to do, or where to look, when it does not look so. */
  readonly otherwise: string
  readonly unit: string
  /** The dashboard that goes into it further. */
  readonly down: Dashboard
  /** In 24ths of the page. */
  readonly width: number
  readonly height?: number
}

/** A panel before it has a place. */
export interface Panel {
  readonly id: number
  readonly width: number
  readonly height: number
  at(x: number, y: number): Builder<PanelModel>
}

/** Where the values change from good to bad: a colour from each value on, the first from the very bottom. */
export type Limits = readonly Threshold[]
type Colour = 'green' | 'yellow' | 'orange' | 'red' | 'text'

const from = (value: number | null, color: Colour): Threshold => ({ value, color })
/** Neither: Grafana would draw its own line at 80. */
export const noLimits: Limits = [from(null, 'text')]
/** Good until there. */
export const under = (limit: number): Limits => [from(null, 'green'), from(limit, 'red')]
/** Good from there on. */
export const over = (limit: number): Limits => [from(null, 'red'), from(limit, 'green')]
/** Good at zero only: a rate of one in an hour is already bad. */
export const nothing: Limits = under(0.00001)
/** Good, worth a look, bad. */
export const rising = (look: number, bad: number): Limits => [
  from(null, 'green'),
  from(look, 'yellow'),
  from(bad, 'red'),
]
/** Colours at values of one's own, rising. */
export const steps = (base: Colour, ...more: readonly (readonly [value: number, color: Colour])[]): Limits => [
  from(null, base),
  ...more.map(([value, color]) => from(value, color)),
]

export const thresholds = (limits: Limits): ThresholdsConfigBuilder =>
  new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps([...limits])

/** `/d/pulse-lake` with the time range and what the variables are set to. */
const address = (slug: Dashboard): string => `/d/pulse-${slug}?\${__url_time_range}&\${__all_variables}`
const nameOf = (slug: Dashboard): string => (slug === 'api' ? 'API' : `${slug[0]?.toUpperCase()}${slug.slice(1)}`)

type Placed<T> = {
  id(id: number): T
  title(title: string): T
  description(text: string): T
  gridPos(place: { x: number; y: number; w: number; h: number }): T
  links(links: Builder<ReturnType<DashboardLinkBuilder['build']>>[]): T
  unit(unit: string): T
}

/** Gives a panel what all have: its words, its unit, its link and its place. */
export function saying<T extends Placed<T> & Builder<PanelModel>>(said: Said, make: () => T): Panel {
  const height = said.height ?? 8
  return {
    id: said.id,
    width: said.width,
    height,
    at: (x, y) =>
      make()
        .id(said.id)
        .title(said.title)
        .description(`${said.good}\n\n**If not:** ${said.otherwise}`)
        .unit(said.unit)
        .links([new DashboardLinkBuilder(`To ${nameOf(said.down)}`).url(address(said.down))])
        .gridPos({ x, y, w: said.width, h: height }),
  }
}
