import type { Alert } from '../../../observability/alerts/alert.ts'
import type { Recording } from '../../../observability/rule.ts'

/** Input series in promtool's notation, a value each minute: `0+6x20` is 0, 6, … 120; `_` is no sample, `stale` the end of a series. */
type Input = Readonly<Record<string, string>>

/** What promtool is to find firing: labels beside `alertname`, and the texts as somebody reads them. */
interface Firing {
  readonly labels: Readonly<Record<string, string>>
  readonly summary: string
  readonly description: string
}

/**
 * A scenario for alerts. `fires` names every alert of each name that fires at that minute; `quiet` rules (by key) that must not. A
 * rule needs one scenario in which it fires and one in which it nearly does.
 */
export interface AlertCase {
  readonly scenario: string
  readonly series: Input
  readonly at: number
  readonly fires?: Readonly<Record<string, readonly Firing[]>>
  readonly quiet?: readonly string[]
}

/** A scenario for recorded series: what a query gives at a minute; nothing is `[]`. */
export interface RecordCase {
  readonly scenario: string
  readonly series: Input
  readonly at: number
  /** The rule's key, the query, and what it gives; numbers are compared to nine digits. */
  readonly gives: readonly (readonly [key: string, query: string, samples: Readonly<Record<string, number>>])[]
}

/** What tells a rule from others of its name. */
export const keyOf = (rule: Pick<Alert, 'name' | 'labels'> | Pick<Recording, 'record' | 'labels'>): string =>
  ['record' in rule ? rule.record : rule.name, ...Object.values(rule.labels ?? {})].join('/')

/** The keys of the rules that fire, each once. */
export const firingIn = ({ fires = {} }: AlertCase): string[] =>
  Object.entries(fires).flatMap(([name, all]) =>
    all.map(({ labels }) =>
      [name, labels['window'], name === 'PulseTargetMissing' ? labels['job'] : undefined]
        .filter((part) => part !== undefined)
        .join('/'),
    ),
  )
