import { listen } from './announce.ts'
import type { Metrics } from './metrics.ts'

/** The route label of a request that matched no route: clients cannot mint series. */
export const UNMATCHED = '_unmatched'

interface RouteSeries {
  readonly seconds: { observe(value: number): void }
  readonly statuses: Map<number, { inc(value?: number): void }>
}

/**
 * Turns the API's announcements into its founding metrics. `routes` (templates) are born at zero with
 * status 200 and an empty histogram. Answers a function that stops listening.
 */
export function listenApi(metrics: Metrics, routes: readonly string[] = []): () => void {
  const requests = metrics.counter('pulse_api_requests_total')
  const seconds = metrics.histogram('pulse_api_request_seconds')
  const byRoute = new Map<string, RouteSeries>()

  const seriesOf = (route: string): RouteSeries => {
    let series = byRoute.get(route)
    if (series === undefined) {
      seconds.zero({ route })
      series = { seconds: seconds.labels({ route }), statuses: new Map() }
      byRoute.set(route, series)
    }
    return series
  }
  const countOf = (route: string, status: number): { inc(value?: number): void } => {
    const { statuses } = seriesOf(route)
    let count = statuses.get(status)
    if (count === undefined) {
      count = requests.labels({ route, status: String(status) })
      statuses.set(status, count)
    }
    return count
  }

  for (const route of [...routes, UNMATCHED]) countOf(route, route === UNMATCHED ? 404 : 200).inc(0)

  return listen('api.request.finished', ({ route, status, tookMs }) => {
    countOf(route, status).inc()
    seriesOf(route).seconds.observe(tookMs / 1000)
  })
}
