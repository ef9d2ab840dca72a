import {
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  ReduceDataOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common'
import {
  FieldColorBuilder,
  FieldColorModeId,
  type DynamicConfigValue,
  MappingType,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { PanelBuilder as Stat } from '@grafana/grafana-foundation-sdk/stat'
import { refOf } from './charts.ts'
import { noLimits, saying, thresholds, type Limits, type Panel, type Said } from './said.ts'
import { overTime, PROMETHEUS, type Asked } from './sources.ts'

interface Shown extends Asked {
  /** Where it differs from the panel's. */
  readonly unit?: string
  readonly limits?: Limits
}
interface Tile extends Said {
  readonly asked: readonly Shown[]
  readonly limits?: Limits
  /** What stands there where there is no value, and what that means. */
  readonly empty: string
  /** The curve behind the number. */
  readonly curve?: boolean
  /** Words instead of numbers. */
  readonly words?: Readonly<Record<number, string>>
}

/** Numbers as they are now, to be read from across the room. */
export function tile(spec: Tile): Panel {
  return saying({ height: 4, ...spec }, () => {
    const panel = new Stat()
      .datasource(PROMETHEUS)
      .targets(spec.asked.map((asked, position) => overTime(asked, refOf(position))))
      .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']))
      .graphMode(spec.curve === true ? BigValueGraphMode.Area : BigValueGraphMode.None)
      .colorMode(BigValueColorMode.Value)
      .textMode(
        spec.asked.length > 1 || spec.asked[0]?.as !== undefined
          ? BigValueTextMode.ValueAndName
          : BigValueTextMode.Value,
      )
      .thresholds(thresholds(spec.limits ?? noLimits))
      .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds))
      .noValue(spec.empty)
    if (spec.words !== undefined)
      panel.mappings([
        {
          type: MappingType.ValueToText,
          options: Object.fromEntries(Object.entries(spec.words).map(([value, text]) => [value, { text }])),
        },
      ])
    for (const [position, { unit, limits }] of spec.asked.entries()) {
      const own: DynamicConfigValue[] = [
        ...(unit === undefined ? [] : [{ id: 'unit', value: unit }]),
        ...(limits === undefined ? [] : [{ id: 'thresholds', value: thresholds(limits).build() }]),
      ]
      if (own.length > 0) panel.overrideByQuery(refOf(position), own)
    }
    return panel
  })
}
