import { SLOS, type Slo } from '../../../observability/slos.ts'
import type { AlertCase, RecordCase } from './case.ts'

const PER_MINUTE = 100_000
const api = (name: string, labels: string): string => `pulse_api_${name}{job="pulse-api",instance="a",${labels}}`
const verified = (outcome: string): string =>
  `pulse_canary_verified_total{job="pulse-canary",instance="c",outcome="${outcome}"}`
const fresh = (part: string, labels = ''): string =>
  `pulse_worker_freshness_seconds_${part}{job="pulse-worker",instance="w",stage="committed"${labels}}`
const COLLECT = 'route="/v1/collect"'
const PREVIEW = 'route="/v1/datasets/:dataset/preview"'

type Series = Readonly<Record<string, string>>
type Traffic = (good: string, bad: string, all: string) => Series

/** Counters that say that so many were good and so many bad, for each SLO. */
const TRAFFIC: Readonly<Record<string, Traffic>> = {
  'collect-availability': (good, bad) => ({
    [api('requests_total', `${COLLECT},status="202"`)]: good,
    [api('requests_total', `${COLLECT},status="503"`)]: bad,
    [api('requests_total', `${COLLECT},status="422"`)]: good,
  }),
  'collect-latency': (good, _bad, all) => ({
    [api('request_seconds_bucket', `${COLLECT},le="0.25"`)]: good,
    [api('request_seconds_count', COLLECT)]: all,
  }),
  // As Prometheus 3 writes the edge; the alerts' case below has it as Prometheus 2 does.
  freshness: (good, _bad, all) => ({ [fresh('bucket', ',le="60.0"')]: good, [fresh('count')]: all }),
  integrity: (good, bad) => ({
    [verified('exactly_once')]: good,
    [verified('missing')]: bad,
    'pulse_canary_strayed_total{job="pulse-canary",instance="c"}': '0x4800',
    [verified('duplicated')]: '0x4800',
    [verified('corrupted')]: '0x4800',
    [verified('late')]: '0x4800',
  }),
  preview: (good, _bad, all) => ({
    [api('requests_total', `${PREVIEW},status="200"`)]: all,
    [api('request_seconds_bucket', `${PREVIEW},le="2.5"`)]: good,
    [api('request_seconds_count', PREVIEW)]: all,
  }),
}

const traffic = ({ slug }: Slo, minutes: number, good: number, bad: number): Series => {
  const rising = (step: number): string => `0+${step}x${minutes}`
  return (TRAFFIC[slug] as Traffic)(rising(good), rising(bad), rising(good + bad))
}
/** So many times as many bad ones as the budget has for them. */
const badAt = (slo: Slo, burning: number): number => Math.round(burning * (1 - slo.objective) * PER_MINUTE)

const TEXT: Readonly<Record<string, readonly [summary: string, unit: string, allowed: string]>> = {
  'collect-availability': ['collect answers', 'requests', '0.1%'],
  'collect-latency': ['collect answers within 0.25 s', 'requests', '1%'],
  freshness: ['events are committed within 60 s of being received', 'events', '1%'],
  integrity: ['accepted events are rows exactly once', 'canary events', '0.01%'],
  preview: ['previews answer within 2.5 s', 'previews', '1%'],
}
const GRADES: Readonly<Record<string, readonly [grade: string, factor: number]>> = {
  '1h': ['page', 14.4],
  '6h': ['page', 6],
  '1d': ['ticket', 3],
  '3d': ['ticket', 1],
}

const firing = (slo: Slo, windows: readonly string[], share: string) => {
  const [title, unit, allowed] = TEXT[slo.slug] as readonly [string, string, string]
  return {
    [slo.alert]: windows.map((window) => {
      const [grade, factor] = GRADES[window] as readonly [string, number]
      return {
        labels: { grade, slo: slo.slug, window },
        summary: `Too often it is not so that ${title}`,
        description: `${share} of ${unit} over ${window} were not as promised (${allowed} may be, over 30 days), and it goes on: that spends the budget ${factor} times as fast as it lasts.`,
      }
    }),
  }
}
const percent = (slo: Slo, burning: number): string =>
  `${Number((burning * (1 - slo.objective) * 100).toPrecision(4))}%`
const keys = ({ alert }: Slo, windows: readonly string[]): string[] => windows.map((window) => `${alert}/${window}`)

function burning(slo: Slo, factor: number, windows: readonly string[]): AlertCase {
  const bad = badAt(slo, factor)
  return {
    scenario: `${slo.slug}: the budget burns ${factor} times as fast as it lasts, for two hours`,
    series: traffic(slo, 130, PER_MINUTE - bad, bad),
    at: 120,
    fires: firing(slo, windows, percent(slo, factor)),
    quiet: keys(
      slo,
      ['1h', '6h', '1d', '3d'].filter((window) => !windows.includes(window)),
    ),
  }
}

function spared(slo: Slo): AlertCase[] {
  const all = keys(slo, ['1h', '6h', '1d', '3d'])
  const bad = badAt(slo, 0.9)
  const past = traffic(slo, 40, PER_MINUTE - badAt(slo, 20), badAt(slo, 20))
  const since = Object.fromEntries(
    Object.entries(past).map(([name, value]) => {
      const [, step = '0'] = /\+(\d+)/.exec(value) ?? []
      const isGood = /202|"200"|exactly_once|bucket|count/.test(name)
      return [name, value.includes('+') ? `${value} ${Number(step) * 41}+${isGood ? PER_MINUTE : 0}x60` : value]
    }),
  )
  return [
    {
      scenario: `${slo.slug}: nine tenths of the budget are used`,
      series: traffic(slo, 130, PER_MINUTE - bad, bad),
      at: 120,
      quiet: all,
    },
    {
      scenario: `${slo.slug}: it was bad until an hour ago`,
      series: since,
      at: 95,
      quiet: keys(slo, ['1h', '6h']),
    },
  ]
}

/** Budgets that burn, at every speed that matters, and what must not be mistaken for it. */
export const BURN_CASES: readonly AlertCase[] = [
  ...SLOS.flatMap((slo) => [
    burning(slo, 20, ['1h', '6h', '1d', '3d']),
    burning(slo, 8, ['6h', '1d', '3d']),
    burning(slo, 4, ['1d', '3d']),
    burning(slo, 2, ['3d']),
    ...spared(slo),
  ]),
  {
    scenario: "freshness: as Prometheus 2 writes the edge, and the other stage's times do not count",
    series: {
      [fresh('bucket', ',le="60"')]: '0+90000x130',
      [fresh('count')]: '0+100000x130',
      [fresh('bucket', ',le="60"').replace('committed', 'consumed')]: '0+900000x130',
      [fresh('count').replace('committed', 'consumed')]: '0+900000x130',
    },
    at: 120,
    fires: firing(SLOS.find(({ slug }) => slug === 'freshness') as Slo, ['6h', '1d', '3d'], '10%'),
  },
  {
    scenario: 'collect-availability: two of three requests of an hour fail, and there were no others',
    series: {
      [api('requests_total', `${COLLECT},status="202"`)]: '0x60 1x70',
      [api('requests_total', `${COLLECT},status="503"`)]: '0x70 1x10 2x50',
    },
    at: 90,
    quiet: ['PulseCollectAvailabilityBurn/1h', 'PulseCollectAvailabilityBurn/6h'],
  },
  {
    scenario: 'collect-availability: half of what clients send is refused for being wrong',
    series: {
      [api('requests_total', `${COLLECT},status="202"`)]: '0+100x130',
      [api('requests_total', `${COLLECT},status="422"`)]: '0+100x130',
    },
    at: 120,
    quiet: ['PulseCollectAvailabilityBurn/1h', 'PulseCollectAvailabilityBurn/3d'],
  },
  {
    scenario: 'preview: it hangs, and every client has left before its answer',
    series: {
      [api('requests_total', `${PREVIEW},status="200"`)]: '0x130',
      [api('requests_total', `${PREVIEW},status="499"`)]: '0+60x130',
      [api('request_seconds_bucket', `${PREVIEW},le="2.5"`)]: '0x130',
      [api('request_seconds_count', PREVIEW)]: '0+60x130',
    },
    at: 120,
    fires: firing(SLOS.find(({ slug }) => slug === 'preview') as Slo, ['1h', '6h', '1d', '3d'], '100%'),
  },
  {
    scenario: 'integrity: what was missing during an outage came back, all of it',
    series: {
      [verified('exactly_once')]: '0+10x130',
      [verified('late')]: '0+10x130',
      [verified('missing')]: '0x60 30x70',
      'pulse_canary_strayed_total{job="pulse-canary",instance="c"}': '0x62 30x70',
      [verified('duplicated')]: '0x130',
      [verified('corrupted')]: '0x130',
    },
    at: 75,
    quiet: ['PulseIntegrityBurn/1h', 'PulseIntegrityBurn/6h'],
  },
]

const WINDOWS = ['5m', '30m', '1h', '2h', '6h', '1d', '3d']

/** What is recorded of each SLO while its budget burns eight times too fast, and while only that happens which does not count. */
export const SLO_RECORD_CASES: readonly RecordCase[] = SLOS.flatMap((slo) => {
  const only = `{slo="${slo.slug}"}`
  const bad = badAt(slo, 8)
  const share = 8 * (1 - slo.objective)
  const records: readonly (readonly [record: string, value: number])[] = [
    ['slo:pulse_objective:ratio', slo.objective],
    ['slo:pulse_events:rate1h', PER_MINUTE / 60],
    ['slo:pulse_events:rate5m', PER_MINUTE / 60],
    ['slo:pulse_bad_events:rate5m', bad / 60],
    ...WINDOWS.map((window) => [`slo:pulse_errors:ratio_rate${window}`, share] as const),
    ['slo:pulse_budget_left:ratio30d', -7],
  ]
  return [
    {
      scenario: `${slo.slug}: recorded while eight times the budget burns`,
      series: traffic(slo, 130, PER_MINUTE - bad, bad),
      at: 120,
      gives: records.map(
        ([record, value]) => [`${record}/${slo.slug}`, `${record}${only}`, { [`{slo="${slo.slug}"}`]: value }] as const,
      ),
    },
    {
      scenario: `${slo.slug}: nothing is recorded of what does not count`,
      series: {
        [api('requests_total', 'route="/v1/tenants",status="500"')]: '0+60x130',
        [api('requests_total', `${COLLECT},status="422"`)]: '0+60x130',
        [api('requests_total', `${PREVIEW},status="404"`)]: '0+60x130',
        [api('request_seconds_count', 'route="/v1/tenants"')]: '0+60x130',
        [fresh('count').replace('committed', 'consumed')]: '0+60x130',
        'pulse_canary_sent_total{job="pulse-canary",instance="c"}': '0+60x130',
      },
      at: 120,
      gives: records.map(
        ([record]) =>
          [
            `${record}/${slo.slug}`,
            record === 'slo:pulse_objective:ratio' ? `${record}${only} >= 1` : `${record}${only} > 0`,
            {},
          ] as const,
      ),
    },
  ]
})
