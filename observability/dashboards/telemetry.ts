import { lines } from './charts.ts'
import { dashboard } from './dashboard.ts'
import { grown, highest, rate, sum, top, WINDOW } from './queries.ts'
import { nothing, rising } from './said.ts'
import { logs } from './tables.ts'
import { tile } from './tiles.ts'

/** What one process may come to, `test/telemetry` holds it to that: series of a scrape, and seconds of the event loop. */
const SERIES = 5_000
const SCRAPE_SECONDS = 0.05
const each = '{{job}} {{instance}}'

export const telemetry = () =>
  dashboard({
    slug: 'telemetry',
    title: 'Pulse: Telemetry',
    description: 'Can these dashboards be believed? What is bounded, what is lost, what the window itself costs.',
    rows: [
      {
        id: 10,
        title: 'What does looking cost?',
        panels: [
          lines({
            id: 11,
            title: 'How many series has a process?',
            good: `Under ${SERIES}: tenants and datasets are bounded at the source.`,
            otherwise:
              'lower `PULSE_METRICS_TENANTS` and `PULSE_METRICS_DATASETS`; what is beyond them goes into `_other`.',
            unit: 'none',
            down: 'runtime',
            width: 8,
            limits: rising(0.8 * SERIES, SERIES),
            asked: [{ expr: sum('pulse_telemetry_series', ['job', 'instance']), as: each }],
          }),
          lines({
            id: 12,
            title: 'Which metrics have the most series?',
            good: 'Histograms by tenant and dataset, at most a few hundred each.',
            otherwise: 'one that grows and grows has a label that is not bounded: a defect.',
            unit: 'none',
            down: 'runtime',
            width: 8,
            asked: [{ expr: top(10, highest('pulse_telemetry_series', ['metric'])), as: '{{metric}}' }],
          }),
          tile({
            id: 13,
            title: 'How many tenants have a name here?',
            good: 'All of them, up to `PULSE_METRICS_TENANTS`; the rest are `_other` together.',
            otherwise: 'a tenant that you want to see by name goes into `PULSE_METRICS_PINNED`.',
            unit: 'none',
            down: 'tenant',
            width: 8,
            height: 8,
            curve: true,
            empty: 'none yet',
            asked: [{ expr: 'count(count by (tenant_bucket) (pulse_tenant_bucket_info))' }],
          }),
          lines({
            id: 14,
            title: 'How long does a scrape hold the event loop?',
            good: `Under ${SCRAPE_SECONDS * 1000} ms.`,
            otherwise: 'fewer series, see above; requests and flushes wait meanwhile.',
            unit: 's',
            down: 'runtime',
            width: 8,
            limits: rising(0.4 * SCRAPE_SECONDS, SCRAPE_SECONDS),
            asked: [{ expr: highest('pulse_telemetry_scrape_seconds', ['job', 'instance']), as: each }],
          }),
          lines({
            id: 15,
            title: 'How large is a scrape?',
            good: 'Hundreds of kilobytes.',
            otherwise: 'megabytes: fewer series.',
            unit: 'bytes',
            down: 'runtime',
            width: 8,
            asked: [{ expr: highest('pulse_telemetry_scrape_bytes', ['job', 'instance']), as: each }],
          }),
          lines({
            id: 16,
            title: 'Does Prometheus get everything?',
            good: 'Every process answers within its time, with as many samples as it has series.',
            otherwise: 'a process that does not answer has its own alert; see Runtime.',
            unit: 's',
            down: 'runtime',
            width: 8,
            asked: [{ expr: 'max by (job, instance) (scrape_duration_seconds{job=~"pulse-.+"})', as: each }],
          }),
        ],
      },
      {
        id: 20,
        title: 'What is not seen?',
        panels: [
          lines({
            id: 21,
            title: 'What went into _other?',
            good: 'Nothing, with fewer tenants than the bound. Sums stay exact either way.',
            otherwise: 'no harm: raise the bound if you want more names, and see what that costs above.',
            unit: 'ops',
            down: 'tenant',
            width: 8,
            asked: [
              {
                expr: top(10, rate('pulse_telemetry_overflow_total', ['metric', 'label'])),
                as: '{{metric}} {{label}}',
              },
            ],
          }),
          lines({
            id: 22,
            title: 'What becomes of spans?',
            good: 'Only `exported`, or nothing where no `PULSE_OTLP_ENDPOINT` is set.',
            otherwise:
              '`dropped_queue`: more than the receiver takes, or fewer traces a second (`PULSE_TRACES_PER_SECOND`). `failed`: the receiver does not answer.',
            unit: 'ops',
            down: 'runtime',
            width: 8,
            asked: [{ expr: rate('pulse_telemetry_spans_total', ['outcome']), as: '{{outcome}}' }],
          }),
          lines({
            id: 23,
            title: 'Are log lines lost?',
            good: 'None.',
            otherwise: 'standard output is not read fast enough: whoever collects logs is slow or gone.',
            unit: 'none',
            down: 'runtime',
            width: 8,
            bars: true,
            limits: nothing,
            asked: [{ expr: grown('pulse_log_lines_dropped_total', ['job', 'instance']), as: each }],
          }),
          lines({
            id: 24,
            title: 'Can Prometheus evaluate its rules?',
            good: 'No failures.',
            otherwise: 'alerts that cannot be evaluated are silent: Prometheus’ own page of rules names the error.',
            unit: 'none',
            down: 'home',
            width: 8,
            bars: true,
            limits: nothing,
            asked: [
              {
                expr: `sum by (rule_group) (increase(prometheus_rule_evaluation_failures_total[${WINDOW}]))`,
                as: '{{rule_group}}',
              },
            ],
          }),
          lines({
            id: 25,
            title: 'How much is logged?',
            good: 'Mostly `info`: a line for each flush and each sampled request.',
            otherwise: '`warn` and `error` stand below; `debug` is for an hour, not for ever.',
            unit: 'ops',
            down: 'runtime',
            width: 8,
            stacked: true,
            asked: [{ expr: rate('pulse_log_lines_total', ['level']), as: '{{level}}' }],
          }),
          lines({
            id: 26,
            title: 'Which process logs?',
            good: 'All of them, a little.',
            otherwise: 'one alone, much: its lines stand below.',
            unit: 'ops',
            down: 'runtime',
            width: 8,
            stacked: true,
            asked: [{ expr: rate('pulse_log_lines_total', ['plane']), as: '{{plane}}' }],
          }),
        ],
      },
      {
        id: 30,
        title: 'What do the processes say?',
        panels: [
          logs({
            id: 31,
            title: 'What goes wrong, anywhere?',
            good: 'Few lines.',
            otherwise:
              'repeated trouble is one line every ten seconds with its `repeat`; open a line for its trace and tenant.',
            unit: 'string',
            down: 'tenant',
            width: 24,
            height: 12,
            expr: '{service_name=~"pulse-.+"} | level=~"warn|error"',
            empty: 'nothing went wrong, or Loki is not there',
          }),
        ],
      },
    ],
  })
