import type { MetricEntry } from '../../src/telemetry/index.ts'
import type { Duration, Tempo } from '../tempo.ts'

/** Who is to know: `page` wakes somebody, `ticket` waits for the morning, `none` is nobody's: it only explains others. */
type Grade = 'page' | 'ticket' | 'none'

/** Dashboards by the slug of their uid, `pulse-<slug>`. */
type Dashboard = MetricEntry['dashboard']

/** A bigger alert that, while it fires, says all that this one would. */
export interface Explained {
  readonly by: string
  /** Only by one with these labels. */
  readonly where?: Readonly<Record<string, string>>
  /** Only where this alert has these labels. */
  readonly only?: Readonly<Record<string, string>>
  /** Only where both have the same value of these. */
  readonly same?: readonly string[]
}

/**
 * One alerting rule. Rules of one name differ in `labels` and share a section of the runbook, whose anchor is the name in lower
 * case. `summary` and `description` are Prometheus templates; the description says the number with its unit.
 */
export interface Alert {
  readonly name: `Pulse${string}`
  readonly expr: (tempo: Tempo) => string
  /** How long it has to hold before anybody is told. */
  readonly wait: Duration
  /** How long it goes on when it holds no more: what comes and goes is one alert, and what it explains has the time to end. */
  readonly lingers?: Duration
  readonly grade: Grade
  readonly labels?: Readonly<Record<string, string>>
  /** The labels of the result, for the lint of the templates. */
  readonly carries: readonly string[]
  readonly summary: string
  readonly description: string
  readonly dashboard: Dashboard
  readonly explained?: readonly Explained[]
}

/** In descriptions: the value as a length of time, as `1h 2m 3s`. */
export const TIME = '{{ $value | humanizeDuration }}'
/** In descriptions: the value as a share. */
export const SHARE = '{{ $value | humanizePercentage }}'
/** In descriptions: the value as a plain number. */
export const NUMBER = '{{ $value | printf "%.0f" }}'
