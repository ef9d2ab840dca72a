import { FRESH_SECONDS } from '../slos.ts'
import { heatmap, lines } from './charts.ts'
import { dashboard } from './dashboard.ts'
import { grown, heat, highest, rate, sinceEarliest, sum, top } from './queries.ts'
import { nothing, rising, under } from './said.ts'

const OWNED = sum('pulse_worker_partitions_owned', ['instance'])

export const worker = () =>
  dashboard({
    slug: 'worker',
    title: 'Pulse: Worker',
    description: 'Are all partitions read, how far behind are they, and what holds reading back?',
    rows: [
      {
        id: 10,
        title: 'Is everything read by somebody?',
        panels: [
          lines({
            id: 11,
            title: 'Who owns the partitions?',
            good: 'The workers stacked reach the dashed line; after a worker comes or goes, within seconds.',
            otherwise:
              'a gap below the line is partitions that nobody reads: events wait on the bus. Above it, two believe to own the same; only one can commit.',
            unit: 'none',
            down: 'lake',
            width: 12,
            stacked: true,
            dashed: ['all there are'],
            asked: [
              { expr: OWNED, as: '{{instance}}' },
              { expr: highest('pulse_bus_partitions'), as: 'all there are' },
            ],
          }),
          lines({
            id: 12,
            title: 'Do partitions move?',
            good: 'Only when a worker comes or goes, or a tenant is made.',
            otherwise:
              'moves without an end: workers lose their heartbeat, see Postgres on Runtime. `lost` was taken away before it was given back.',
            unit: 'none',
            down: 'runtime',
            width: 6,
            bars: true,
            asked: [{ expr: grown('pulse_worker_partition_moves_total', ['kind']), as: '{{kind}}' }],
          }),
          heatmap({
            id: 13,
            title: 'How long does giving back take?',
            good: 'Under 5 s: what is in memory is flushed before partitions go to another worker.',
            otherwise: 'commits are slow (Lake), or the buffer is large.',
            unit: 's',
            down: 'lake',
            width: 6,
            expr: heat('pulse_worker_release_drain_seconds'),
          }),
        ],
      },
      {
        id: 20,
        title: 'How far behind?',
        panels: [
          lines({
            id: 21,
            title: 'How old is the oldest record that is not committed?',
            good: `A saw whose teeth are one flush, under ${FRESH_SECONDS} s.`,
            otherwise:
              'one tenant: its dataset is stalled, see its name on Lake. All: too few workers, or a place is slow.',
            unit: 's',
            down: 'freshness',
            width: 12,
            limits: rising(FRESH_SECONDS, 2 * FRESH_SECONDS),
            asked: [{ expr: top(10, highest('pulse_worker_lag_seconds', ['tenant'])), as: '{{tenant}}' }],
          }),
          lines({
            id: 22,
            title: 'How many records are not committed?',
            good: 'As many as arrive between two flushes. It says how much, never how bad: age does.',
            otherwise: 'growing together with age means that the workers do not keep up.',
            unit: 'none',
            down: 'freshness',
            width: 12,
            asked: [{ expr: top(10, sum('pulse_worker_lag_records', ['tenant'])), as: '{{tenant}}' }],
          }),
          lines({
            id: 23,
            title: 'How fast are records read?',
            good: 'Each worker about as many as its share of the partitions brings.',
            otherwise: 'zero with lag: it is stuck, see its loops below. At its height with lag: add a worker.',
            unit: 'eps',
            down: 'lake',
            width: 12,
            stacked: true,
            asked: [{ expr: rate('pulse_worker_events_consumed_total', ['instance']), as: '{{instance}}' }],
          }),
          lines({
            id: 24,
            title: 'How fast are rows appended?',
            good: 'In steps: one for each flush.',
            otherwise: 'no steps while records are read: flushes fail, see Lake.',
            unit: 'rowsps',
            down: 'lake',
            width: 12,
            stacked: true,
            asked: [{ expr: rate('pulse_worker_events_appended_total', ['instance']), as: '{{instance}}' }],
          }),
        ],
      },
      {
        id: 30,
        title: 'What holds it back?',
        panels: [
          lines({
            id: 31,
            title: 'How full is the buffer?',
            good: 'Well under 0.8; a full one holds reading back.',
            otherwise: 'flushing is slower than reading: see Lake.',
            unit: 'percentunit',
            down: 'lake',
            width: 8,
            max: 1,
            limits: rising(0.5, 0.8),
            asked: [
              {
                expr: `${highest('pulse_worker_buffer_bytes', ['instance'])} / ${highest('pulse_worker_buffer_capacity_bytes', ['instance'])}`,
                as: '{{instance}}',
              },
            ],
          }),
          lines({
            id: 32,
            title: 'Whose rows are in memory?',
            good: 'A saw for each: filled by reading, emptied by its flush.',
            otherwise: 'one that is never emptied cannot be appended, see its name on Lake.',
            unit: 'none',
            down: 'lake',
            width: 8,
            asked: [
              { expr: top(10, sum('pulse_worker_buffer_rows', ['tenant', 'dataset'])), as: '{{tenant}} / {{dataset}}' },
            ],
          }),
          lines({
            id: 33,
            title: 'For what part of the time is reading held back?',
            good: 'None.',
            otherwise:
              '`buffer_full`: flushing is too slow. `bus_away`: the bus does not answer. `release`: shares move.',
            unit: 'percentunit',
            down: 'lake',
            width: 8,
            limits: under(0.5),
            asked: [
              {
                expr: rate('pulse_worker_fetch_paused_seconds_total', ['instance', 'reason']),
                as: '{{instance}} {{reason}}',
              },
            ],
          }),
          lines({
            id: 34,
            title: 'Are offsets settled?',
            good: 'Only `ok`; they move in the transaction of a flush.',
            otherwise:
              '`stale_generation`: the partition has another owner by now, its records are read again. `error`: Postgres.',
            unit: 'none',
            down: 'lake',
            width: 8,
            bars: true,
            asked: [{ expr: grown('pulse_worker_offset_commits_total', ['outcome']), as: '{{outcome}}' }],
          }),
          lines({
            id: 35,
            title: 'Do the loops come round?',
            good: 'Each came round a few seconds ago.',
            otherwise:
              'over a minute the loop is stuck and the worker should be restarted; its last log lines say where.',
            unit: 's',
            down: 'runtime',
            width: 8,
            limits: rising(15, 60),
            asked: [
              {
                expr: sinceEarliest('pulse_worker_loop_tick_timestamp_seconds', ['instance', 'loop']),
                as: '{{instance}} {{loop}}',
              },
            ],
          }),
          lines({
            id: 36,
            title: 'Are new partitions looked for?',
            good: 'The list was read a second or two ago.',
            otherwise: 'over a minute, a new tenant’s events may be read by nobody: Postgres or that worker.',
            unit: 's',
            down: 'runtime',
            width: 8,
            limits: rising(15, 60),
            asked: [
              {
                expr: sinceEarliest('pulse_worker_topic_discovery_timestamp_seconds', ['instance']),
                as: '{{instance}}',
              },
            ],
          }),
          lines({
            id: 37,
            title: 'Does the bus lose anything?',
            good: 'Nothing, ever.',
            otherwise:
              'records were deleted before they were read: retention is shorter than the outage was. The log names topic and offsets.',
            unit: 'none',
            down: 'integrity',
            width: 24,
            height: 5,
            bars: true,
            limits: nothing,
            asked: [{ expr: grown('pulse_worker_offset_gaps_total', ['instance']), as: '{{instance}}' }],
          }),
        ],
      },
    ],
  })
