import { observations, series, within } from './query.ts'

/**
 * The promises that are measured, each over 30 days. What the burn alerts, the budget, the dashboards' thresholds and the
 * runbook say follows from this table; a threshold has to be an edge of its histogram (`within` refuses others).
 */
export interface Slo {
  /** The label `slo` of its recorded series. */
  readonly slug: string
  /** The start of its alert's name. */
  readonly alert: `Pulse${string}Burn`
  readonly title: string
  readonly objective: number
  /** The edge on which an observation is still good, in seconds. */
  readonly threshold?: number
  /** The rate of what went wrong, over a window. */
  readonly bad: (window: string) => string
  /** The rate of all that counts. */
  readonly all: (window: string) => string
  /** Below so many a second there is too little to judge by. Each is below what the canary alone makes, so that nights are watched too. */
  readonly fewest: number
  /** What one of `all` is. */
  readonly unit: string
}

/** Seconds from received to committed that are still fresh, at the founding flush of 30 s. What waits longer shows as lag. */
export const FRESH_SECONDS = 60

/** Routes as Fastify writes them. */
export const COLLECT = '/v1/collect'
export const PREVIEW = '/v1/datasets/:dataset/preview'

const rate = (selector: string, window: string): string => `sum(rate(${selector}[${window}]))`
/** Zero where no such series exists yet: a status that was never answered. */
const rateOrZero = (selector: string, window: string): string => `(${rate(selector, window)} or vector(0))`

/** Answers for which the client is not to blame: shedding answers 503, so no 4xx is ever ours. */
const answered = (route: string): string => series('pulse_api_requests_total', { route, status: { not: '4..' } })
const broken = (route: string): string => series('pulse_api_requests_total', { route, status: '5..' })

/** Requests whose clients left before an answer: where everything hangs, there are no others. */
const left = (route: string): string => series('pulse_api_requests_total', { route, status: '499' })

const requestSeconds = (route: string, threshold: number, window: string): string =>
  `(${rate(observations('pulse_api_request_seconds', { route }), window)} - ${rate(within('pulse_api_request_seconds', threshold, { route }), window)})`

const verified = (outcome: 'missing' | 'duplicated' | 'corrupted'): string =>
  series('pulse_canary_verified_total', { outcome })

export const SLOS: readonly Slo[] = [
  {
    slug: 'collect-availability',
    alert: 'PulseCollectAvailabilityBurn',
    title: 'collect answers',
    objective: 0.999,
    bad: (window) => rateOrZero(broken(COLLECT), window),
    all: (window) => rate(answered(COLLECT), window),
    fewest: 0.02,
    unit: 'requests',
  },
  {
    slug: 'collect-latency',
    alert: 'PulseCollectLatencyBurn',
    title: 'collect answers within 0.25 s',
    objective: 0.99,
    threshold: 0.25,
    bad: (window) => requestSeconds(COLLECT, 0.25, window),
    all: (window) => rate(observations('pulse_api_request_seconds', { route: COLLECT }), window),
    fewest: 0.02,
    unit: 'requests',
  },
  {
    slug: 'freshness',
    alert: 'PulseFreshnessBurn',
    title: `events are committed within ${FRESH_SECONDS} s of being received`,
    objective: 0.99,
    threshold: FRESH_SECONDS,
    bad: (window) =>
      `(${rate(observations('pulse_worker_freshness_seconds', { stage: 'committed' }), window)} - ${rate(within('pulse_worker_freshness_seconds', FRESH_SECONDS, { stage: 'committed' }), window)})`,
    all: (window) => rate(observations('pulse_worker_freshness_seconds', { stage: 'committed' }), window),
    fewest: 0.02,
    unit: 'events',
  },
  {
    slug: 'integrity',
    alert: 'PulseIntegrityBurn',
    title: 'accepted events are rows exactly once',
    objective: 0.9999,
    // Late is freshness's to judge. What was missing and came back after all was late, too.
    bad: (window) =>
      `(clamp_min(${rate(verified('missing'), window)} - ${rate(series('pulse_canary_strayed_total'), window)}, 0) + ${rate(series('pulse_canary_verified_total', { outcome: ['duplicated', 'corrupted'] }), window)})`,
    all: (window) => rate(series('pulse_canary_verified_total'), window),
    fewest: 0.02,
    unit: 'canary events',
  },
  {
    slug: 'preview',
    alert: 'PulsePreviewBurn',
    title: 'previews answer within 2.5 s',
    objective: 0.99,
    threshold: 2.5,
    // A failure that was slow weighs twice: the histogram does not know statuses, and the error is on the safe side.
    bad: (window) => `(${rateOrZero(broken(PREVIEW), window)} + ${requestSeconds(PREVIEW, 2.5, window)})`,
    all: (window) => `(${rate(answered(PREVIEW), window)} + ${rateOrZero(left(PREVIEW), window)})`,
    fewest: 0.02,
    unit: 'previews',
  },
]
