import { JOBS, observations, series } from '../query.ts'
import { SHARE, type Alert } from './alert.ts'

const attempts = (where: Parameters<typeof observations<'pulse_api_collect_publish_seconds'>>[1], window: string) =>
  `sum(rate(${observations('pulse_api_collect_publish_seconds', where)}[${window}]))`

const missing = (job: (typeof JOBS)['api' | 'worker'], what: string): Alert => ({
  name: 'PulseTargetMissing',
  expr: () => `absent(up{job="${job}"} == 1)`,
  wait: '2m',
  // A process that is back has still to claim its share, and one that ends again and again is one alert.
  lingers: '3m',
  grade: 'page',
  labels: { job },
  carries: ['job'],
  summary: `No ${job} answers Prometheus`,
  description: `{{ $value | printf "%.0f" }} plane is missing: no process of ${job} has answered a scrape for 2 min. ${what}`,
  dashboard: 'runtime',
})

/** Alerts of what makes requests fail or events late: after their end the burn rates still show it for a while. */
const OUTAGES = [
  'PulsePublishFailing',
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
      `${attempts({ outcome: ['error', 'timeout'] }, window('2m'))} / ${attempts({}, window('2m'))} > 0.001`,
    // Longer than the window: an election of a leader is over by then. Shorter than a burn needs.
    wait: '3m',
    grade: 'page',
    carries: [],
    summary: 'The bus does not acknowledge what collect publishes',
    description: `${SHARE} of the publishes of the last 2 min failed or timed out (0.1% is too many). Those events were answered \`publish_failed\`.`,
    dashboard: 'collect',
  },
  {
    name: 'PulseDependencyDown',
    expr: () => `min by (job, dependency) (${series('pulse_dependency_up')}) == 0`,
    wait: '2m',
    lingers: '5m',
    grade: 'ticket',
    carries: ['job', 'dependency'],
    summary: '{{ $labels.dependency }} does not answer {{ $labels.job }}',
    description:
      'pulse_dependency_up is {{ $value | printf "%.0f" }} for {{ $labels.dependency }} in at least one process of {{ $labels.job }}, for 2 min. What comes of it pages by itself.',
    dashboard: 'home',
  },
  {
    name: 'PulseAftermath',
    expr: ({ window }) => {
      const recent = `max_over_time(ALERTS{alertname=~"${OUTAGES.join('|')}",alertstate="firing"}[${window('30m')}])`
      return `max by (of) (label_replace(${recent}, "of", "$1", "alertname", "(.*)")) > 0`
    },
    wait: '0s',
    grade: 'none',
    carries: ['of'],
    summary: '{{ $labels.of }} is told, or was until less than 30 min ago',
    description:
      '{{ $value | printf "%.0f" }} outage is on or has just ended. What the objectives still show of it is no second page.',
    dashboard: 'home',
  },
]
