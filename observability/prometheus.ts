import { stringify } from 'yaml'
import { JOBS } from './query.ts'
import { NOTICE } from './rules.ts'

interface ScrapeOptions {
  /** `host:port` of each plane's processes. */
  readonly targets: Readonly<Record<keyof typeof JOBS, readonly string[]>>
  readonly alertmanager: string
  /** Rule files, as Prometheus finds them. */
  readonly rules: readonly string[]
  /** How often is scraped and evaluated. */
  readonly every: string
  /** Prometheus itself, where it shall be watched, too. */
  readonly self?: string
}
const DEPLOYED: ScrapeOptions = {
  targets: { api: ['api:8000'], worker: ['worker:9100'], canary: ['canary:9102'] },
  alertmanager: 'alertmanager:9093',
  rules: ['rules/*.yaml'],
  every: '15s',
  self: 'localhost:9090',
}

/** The API's `/metrics` answers 308: naming what it leads to saves a round trip at every scrape. */
const PATHS: Readonly<Record<keyof typeof JOBS, string>> = { api: '/metrics/', worker: '/metrics', canary: '/metrics' }

/** A scrape that outgrows these is refused whole, and its target counts as down: four times what the catalogue can come to. */
const LIMITS = { sample_limit: 20_000, label_limit: 30, label_name_length_limit: 100, label_value_length_limit: 300 }

/** Prometheus' configuration, valid for 2.42 and for 3. */
export function prometheusConfig(options: ScrapeOptions = DEPLOYED): string {
  const planes = (Object.keys(JOBS) as (keyof typeof JOBS)[]).map((plane) => ({
    job_name: JOBS[plane],
    metrics_path: PATHS[plane],
    ...LIMITS,
    static_configs: [{ targets: options.targets[plane] }],
  }))
  const self =
    options.self === undefined ? [] : [{ job_name: 'prometheus', static_configs: [{ targets: [options.self] }] }]
  const text = stringify(
    {
      global: {
        scrape_interval: options.every,
        scrape_timeout: options.every === '15s' ? '10s' : options.every,
        evaluation_interval: options.every,
      },
      rule_files: options.rules,
      alerting: { alertmanagers: [{ static_configs: [{ targets: [options.alertmanager] }] }] },
      scrape_configs: [...planes, ...self],
      storage: { exemplars: { max_exemplars: 100_000 } },
    },
    { lineWidth: 0 },
  )
  return `#${NOTICE}\n# Exemplars, which lead from a bucket to a trace, are kept only with --enable-feature=exemplar-storage.\n${text}`
}
