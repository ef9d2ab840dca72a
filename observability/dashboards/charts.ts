import {
  GraphDrawStyle,
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common'
import { FieldColorBuilder, FieldColorModeId } from '@grafana/grafana-foundation-sdk/dashboard'
import {
  HeatmapTooltipBuilder,
  PanelBuilder as Heatmap,
  YAxisConfigBuilder,
} from '@grafana/grafana-foundation-sdk/heatmap'
import { PanelBuilder as Timeseries } from '@grafana/grafana-foundation-sdk/timeseries'
import { noLimits, saying, thresholds, type Limits, type Panel, type Said } from './said.ts'
import { byBucket, overTime, PROMETHEUS, type Asked } from './sources.ts'

interface Lines extends Said {
  readonly asked: readonly Asked[]
  readonly limits?: Limits
  readonly stacked?: boolean
  /** Columns instead of lines: for things that happen now and then. */
  readonly bars?: boolean
  readonly exemplars?: boolean
  /** Legends that are drawn dashed and never stacked: what the others are measured against. */
  readonly dashed?: readonly string[]
  readonly max?: number
  /** Lines that can be below zero say so. */
  readonly signed?: boolean
}

/** `A`, `B`, … */
export const refOf = (position: number): string => String.fromCharCode(65 + position)

/** Values over time. */
export function lines(spec: Lines): Panel {
  return saying(spec, () => {
    const panel = new Timeseries()
      .datasource(PROMETHEUS)
      .targets(spec.asked.map((asked, position) => overTime(asked, refOf(position), spec.exemplars)))
      .drawStyle(spec.bars === true ? GraphDrawStyle.Bars : GraphDrawStyle.Line)
      .fillOpacity(spec.bars === true ? 80 : spec.stacked === true ? 40 : 8)
      .showPoints(VisibilityMode.Never)
      .legend(
        new VizLegendOptionsBuilder()
          .showLegend(true)
          .displayMode(LegendDisplayMode.List)
          .placement(LegendPlacement.Bottom),
      )
      .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending))
    if (spec.signed !== true) panel.min(0)
    if (spec.max !== undefined) panel.max(spec.max)
    if (spec.stacked === true) panel.stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group('A'))
    panel
      .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.PaletteClassic))
      .thresholds(thresholds(spec.limits ?? noLimits))
    if (spec.limits !== undefined)
      panel.thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Dashed))
    for (const name of spec.dashed ?? [])
      panel.overrideByName(name, [
        { id: 'custom.lineStyle', value: { fill: 'dash', dash: [8, 6] } },
        { id: 'custom.fillOpacity', value: 0 },
        { id: 'custom.stacking', value: { mode: StackingMode.None, group: 'A' } },
        { id: 'color', value: { mode: 'fixed', fixedColor: 'text' } },
      ])
    return panel
  })
}

interface Heat extends Said {
  readonly expr: string
  readonly exemplars?: boolean
}

/** How observations spread over the buckets of their histogram, over time. */
export function heatmap(spec: Heat): Panel {
  return saying(spec, () =>
    new Heatmap()
      .datasource(PROMETHEUS)
      .targets([byBucket(spec.expr, spec.exemplars ?? false)])
      .calculate(false)
      .yAxis(new YAxisConfigBuilder().unit(spec.unit))
      .tooltip(new HeatmapTooltipBuilder().mode(TooltipDisplayMode.Single).yHistogram(true)),
  )
}
