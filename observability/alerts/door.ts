import { JOBS, observations, series } from '../query.ts'
import { SHARE, type Alert } from './alert.ts'

const attempts = (where: Parameters<typeof observations<'pulse_api_collect_publish_seconds'>>[1], window: string) =>
  `sum(rate(${observations('pulse_api_collect_publish_seconds', where)}[${window}]))`

const missing = (job: (typeof JOBS)['api' | 'worker'], what: string): Alert => ({
  name: 'PulseTargetMissing',
  expr: () => `absent(up{job="${job}"} == 1)`,
  wait: '2m',
  grade: 'page',
  labels: { job },
  carries: ['job'],
  summary: `No ${job} answers Prometheus`,
  description: `{{ $value | printf "%.0f" }} plane is missing: no process of ${job} has answered a scrape for 2 min. ${what}`,
  dashboard: 'runtime',
})

/** Alerts that make events late or previews fail: after their end the burn rates still show it for a while. */
const OUTAGES = [
  'PulseTargetMissing',
  'PulseDependencyDown',
  'PulsePartitionsUnowned',
  'PulseLagGrowing',
  'PulseDatasetStalled',
  'PulseConsumerStuck',
  'PulseLoopStuck',
]

/** What clients meet at the API. */
export const DOOR_ALERTS: readonly Alert[] = [
  missing(JOBS.api, 'Clients are refused, or nobody sees it.'),
  missing(JOBS.worker, 'What is accepted waits on the bus.'),
  {
    name: 'PulsePublishFailing',
    expr: ({ window }) =>
      `${attempts({ outcome: ['error', 'timeout'] }, window('5m'))} / ${attempts({}, window('5m'))} > 0.001`,
    wait: '5m',
    grade: 'page',
    carries: [],
    summary: 'The bus does not acknowledge what collect publishes',
    description: `${SHARE} of the publishes of the last 5 min failed or timed out (0.1% is too many). Those events were answered \`publish_failed\`.`,
    dashboard: 'collect',
    explained: [{ by: 'PulseCollectAvailabilityBurn', where: { grade: 'page' } }],
  },
  {
    name: 'PulseDependencyDown',
    expr: () => `min by (job, dependency) (${series('pulse_dependency_up')}) == 0`,
    wait: '2m',
    grade: 'ticket',
    carries: ['job', 'dependency'],
    summary: '{{ $labels.dependency }} does not answer {{ $labels.job }}',
    description:
      'pulse_dependency_up is {{ $value | printf "%.0f" }} for {{ $labels.dependency }} in at least one process of {{ $labels.job }}, for 2 min. What comes of it pages by itself.',
    dashboard: 'home',
  },
  {
    name: 'PulseAftermath',
    expr: ({ window }) =>
      `max(max_over_time(ALERTS{alertname=~"${OUTAGES.join('|')}",alertstate="firing"}[${window('30m')}])) > 0`,
    wait: '0s',
    grade: 'none',
    carries: [],
    summary: 'An outage is told, or was until less than 30 min ago',
    description:
      '{{ $value | printf "%.0f" }} outage is on or has just ended. What the objectives still show of it is no second page.',
    dashboard: 'home',
  },
]
