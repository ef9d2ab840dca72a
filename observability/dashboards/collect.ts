import { SLOS } from '../slos.ts'
import { heatmap, lines } from './charts.ts'
import { dashboard } from './dashboard.ts'
import { heat, highest, observed, orZero, percentiles, quantile, rate, sinceEarliest, sum, top } from './queries.ts'
import { nothing, rising, under } from './said.ts'
import { table } from './tables.ts'
import { tile } from './tiles.ts'

const COLLECT_SECONDS = SLOS.find(({ slug }) => slug === 'collect-latency')?.threshold ?? 0

export const collect = () =>
  dashboard({
    slug: 'collect',
    title: 'Pulse: Collect',
    description: 'What do clients send, what is refused and why, and does the bus take it?',
    rows: [
      {
        id: 10,
        title: 'What comes in, and what becomes of it?',
        panels: [
          lines({
            id: 11,
            title: 'What became of the events?',
            good: 'All accepted: the bus has them, and the client was told so.',
            otherwise:
              'rejected: the client has to change something, the next panel says what. failed: the bus, see below; clients send those again.',
            unit: 'eps',
            down: 'worker',
            width: 8,
            stacked: true,
            asked: [{ expr: rate('pulse_api_collect_events_total', ['outcome']), as: '{{outcome}}' }],
          }),
          lines({
            id: 12,
            title: 'Why are events refused?',
            good: 'Next to nothing.',
            otherwise:
              '`schema`: a client and its schema have parted; `unknown_dataset`: it was archived or never made; `shedding`: we are full. The Tenant dashboard says whose.',
            unit: 'eps',
            down: 'tenant',
            width: 8,
            bars: true,
            stacked: true,
            asked: [{ expr: rate('pulse_api_collect_rejected_total', ['reason']), as: '{{reason}}' }],
          }),
          lines({
            id: 13,
            title: 'How many bytes?',
            good: 'The volume you know.',
            otherwise: 'more bytes for as many events: a client has begun to send larger ones, see who below.',
            unit: 'binBps',
            down: 'tenant',
            width: 8,
            asked: [{ expr: rate('pulse_api_collect_bytes_total'), as: 'JSON of the clients' }],
          }),
          heatmap({
            id: 14,
            title: 'How many events has a request?',
            good: 'Hundreds: a request costs about as much as a hundred events.',
            otherwise: 'many requests with one event: ask that client to batch.',
            unit: 'none',
            down: 'tenant',
            width: 12,
            expr: heat('pulse_api_collect_batch_events'),
          }),
          lines({
            id: 15,
            title: 'How far are clients’ clocks off?',
            good: 'Seconds. Devices that were offline send from the past, and may.',
            otherwise: 'many from the future: a clock is wrong, and their rows lie in days to come.',
            unit: 's',
            down: 'freshness',
            width: 12,
            asked: [
              {
                expr: quantile(0.95, 'pulse_api_collect_clock_skew_seconds', ['direction']),
                as: 'p95, {{direction}}',
              },
            ],
          }),
        ],
      },
      {
        id: 20,
        title: 'Does the bus take it?',
        panels: [
          heatmap({
            id: 21,
            title: 'How long does the bus take to acknowledge?',
            good: `A dark band far under ${COLLECT_SECONDS} s, the promise for the whole request.`,
            otherwise: 'diamonds lead to traces; a second band is a broker or a disk that is slow.',
            unit: 's',
            down: 'worker',
            width: 8,
            exemplars: true,
            expr: heat('pulse_api_collect_publish_seconds'),
          }),
          lines({
            id: 22,
            title: 'How long do slow ones wait?',
            good: `p99 under ${COLLECT_SECONDS} s.`,
            otherwise: 'the bus is the reason for a slow collect: its disk, its network, its replicas.',
            unit: 's',
            down: 'worker',
            width: 8,
            exemplars: true,
            limits: under(COLLECT_SECONDS),
            asked: percentiles('pulse_api_collect_publish_seconds'),
          }),
          lines({
            id: 23,
            title: 'Is what we publish acknowledged?',
            good: 'Only `ok`.',
            otherwise: '`error` and `timeout` page when they are more than one in a thousand: the bus is away or full.',
            unit: 'reqps',
            down: 'worker',
            width: 8,
            asked: [{ expr: observed('pulse_api_collect_publish_seconds', ['outcome']), as: '{{outcome}}' }],
          }),
          lines({
            id: 24,
            title: 'How full is what waits for the bus?',
            good: 'Next to empty. At 1 collect answers 503.',
            otherwise: 'the bus has become slower than the clients; the events wait in memory, acknowledged to nobody.',
            unit: 'percentunit',
            down: 'worker',
            width: 8,
            max: 1,
            limits: rising(0.5, 0.8),
            asked: [
              {
                expr: `${highest('pulse_api_producer_queue_bytes', ['instance'])} / ${highest('pulse_api_producer_queue_capacity_bytes', ['instance'])}`,
                as: '{{instance}}',
              },
            ],
          }),
          lines({
            id: 25,
            title: 'How many records wait?',
            good: 'As many as come in during one acknowledgement.',
            otherwise: 'see how long that takes, above.',
            unit: 'none',
            down: 'worker',
            width: 8,
            asked: [{ expr: sum('pulse_api_producer_queue_records', ['instance']), as: '{{instance}}' }],
          }),
          tile({
            id: 26,
            title: 'How long has the oldest waited?',
            good: 'Nothing waits, or for fractions of a second.',
            otherwise: 'above a few seconds the bus does not answer: this shows before anything times out.',
            unit: 's',
            down: 'worker',
            width: 8,
            height: 8,
            curve: true,
            limits: rising(1, 5),
            empty: 'nothing waits',
            asked: [{ expr: orZero(sinceEarliest('pulse_api_producer_oldest_record_timestamp_seconds')) }],
          }),
        ],
      },
      {
        id: 30,
        title: 'Whose is it?',
        panels: [
          table({
            id: 31,
            title: 'Which tenants send the most?',
            good: 'Those that you expect. `_other` is everybody without series of their own, together.',
            otherwise: 'a tenant’s name leads to its dashboard.',
            unit: 'eps',
            down: 'tenant',
            width: 12,
            labels: { tenant_bucket: 'Tenant' },
            columns: [
              {
                expr: top(10, 'sum by (tenant_bucket) (tenant_bucket:pulse_api_collect_events:rate5m)'),
                as: 'Events a second',
              },
            ],
            sort: 'Events a second',
            empty: 'nobody sends',
          }),
          table({
            id: 32,
            title: 'Which tenants are refused the most?',
            good: 'Nobody, much.',
            otherwise: 'a tenant’s dashboard says for which reason; the log, which properties.',
            unit: 'eps',
            down: 'tenant',
            width: 12,
            labels: { tenant_bucket: 'Tenant' },
            columns: [
              {
                expr: top(
                  10,
                  'sum by (tenant_bucket) (tenant_bucket:pulse_api_collect_events:rate5m{outcome="rejected"})',
                ),
                as: 'Refused a second',
                limits: nothing,
              },
            ],
            sort: 'Refused a second',
            empty: 'nobody is refused',
          }),
          lines({
            id: 33,
            title: 'How large is an event?',
            good: 'The size you know; it moves when a schema does.',
            otherwise: 'larger events fill buffers, bus and lake sooner.',
            unit: 'bytes',
            down: 'lake',
            width: 12,
            asked: [
              {
                expr: `${rate('pulse_api_collect_bytes_total')} / ${rate('pulse_api_collect_events_total')}`,
                as: 'JSON of an event',
              },
            ],
          }),
          lines({
            id: 34,
            title: 'How many bytes, of whom?',
            good: 'The volume you know, of those you know.',
            otherwise: 'a tenant’s name leads to its dashboard.',
            unit: 'binBps',
            down: 'tenant',
            width: 12,
            stacked: true,
            asked: [{ expr: top(10, 'tenant_bucket:pulse_api_collect_bytes:rate5m'), as: '{{tenant_bucket}}' }],
          }),
        ],
      },
    ],
  })
