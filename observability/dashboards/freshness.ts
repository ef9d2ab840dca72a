import { FRESH_SECONDS, SLOS } from '../slos.ts'
import { heatmap, lines } from './charts.ts'
import { dashboard } from './dashboard.ts'
import { grown, heat, highest, mean, observed, quantile, shareWithin, sinceEarliest, top } from './queries.ts'
import { nothing, over, rising, under } from './said.ts'
import { table } from './tables.ts'
import { tile } from './tiles.ts'
import { datasetVariable, OF_DATASET, OF_TENANT, tenantVariable } from './variables.ts'

const OBJECTIVE = SLOS.find(({ slug }) => slug === 'freshness')?.objective ?? 1
const limits = rising(FRESH_SECONDS, 5 * FRESH_SECONDS)

const stage = (name: 'consumed' | 'committed'): string =>
  mean('pulse_worker_freshness_seconds', [], { stage: name }, '5m')
const FLUSH = mean('pulse_worker_batch_flush_seconds', [], {}, '5m')
const COMMIT = mean('pulse_worker_iceberg_commit_seconds', [], { outcome: 'ok' }, '5m')

export const freshness = () =>
  dashboard({
    slug: 'freshness',
    title: 'Pulse: Freshness',
    description: 'How old is an event when it can be queried, where was it meanwhile, and which datasets are behind?',
    variables: [tenantVariable(), datasetVariable()],
    rows: [
      {
        id: 10,
        title: 'How old is an event when it is a row?',
        panels: [
          tile({
            id: 11,
            title: `Within ${FRESH_SECONDS} s?`,
            good: `At least ${100 * OBJECTIVE} % of the events are committed within ${FRESH_SECONDS} s of being received.`,
            otherwise: 'the panel "Where is the time spent?" names the stage.',
            unit: 'percentunit',
            down: 'worker',
            width: 4,
            height: 8,
            limits: over(OBJECTIVE),
            curve: true,
            empty: 'no events',
            asked: [{ expr: shareWithin('pulse_worker_freshness_seconds', FRESH_SECONDS, { stage: 'committed' }) }],
          }),
          heatmap({
            id: 12,
            title: 'How old when it was read from the bus?',
            good: 'A second or two.',
            otherwise: 'it waits on the bus: too few workers, or reading is held back. See Worker.',
            unit: 's',
            down: 'worker',
            width: 10,
            expr: heat('pulse_worker_freshness_seconds', { stage: 'consumed' }),
          }),
          heatmap({
            id: 13,
            title: 'How old when it was committed?',
            good: `A band under ${FRESH_SECONDS} s: about the flush interval.`,
            otherwise: 'diamonds lead to the flushes that were late.',
            unit: 's',
            down: 'lake',
            width: 10,
            exemplars: true,
            expr: heat('pulse_worker_freshness_seconds', { stage: 'committed' }),
          }),
          lines({
            id: 14,
            title: 'Where is the time spent?',
            good: 'Nearly all of it in the buffer: half the flush interval on average, by design.',
            otherwise:
              'bus: too few workers. flush: object store or large batches. commit: Postgres. Averages over 5 min; bus and buffer by event, flush and commit by flush.',
            unit: 's',
            down: 'lake',
            width: 12,
            stacked: true,
            asked: [
              { expr: stage('consumed'), as: 'on the bus' },
              { expr: `clamp_min(${stage('committed')} - ${stage('consumed')} - ${FLUSH}, 0)`, as: 'in the buffer' },
              { expr: `clamp_min(${FLUSH} - ${COMMIT}, 0)`, as: 'flush' },
              { expr: COMMIT, as: 'commit' },
            ],
          }),
          lines({
            id: 15,
            title: 'How long does the canary’s round trip take?',
            good: `Previewed under ${FRESH_SECONDS} s; accepted in milliseconds.`,
            otherwise: 'it does what a client does: what it meets, clients meet.',
            unit: 's',
            down: 'integrity',
            width: 12,
            limits: under(FRESH_SECONDS),
            asked: [
              { expr: mean('pulse_canary_roundtrip_seconds', ['stage'], {}, '5m'), as: '{{stage}}, on average' },
              {
                expr: quantile(0.95, 'pulse_canary_roundtrip_seconds', [], { stage: 'previewed' }, '5m'),
                as: 'previewed, p95',
              },
            ],
          }),
        ],
      },
      {
        id: 20,
        title: 'Which datasets are behind?',
        panels: [
          table({
            id: 21,
            title: 'Until how long ago is everything a row?',
            good: `Less than ${FRESH_SECONDS} s in every dataset, also in those that nobody sends to.`,
            otherwise: 'a tenant’s name leads to its dashboard, with its log lines.',
            unit: 's',
            down: 'lake',
            width: 12,
            height: 10,
            labels: { tenant: 'Tenant', dataset: 'Dataset' },
            columns: [
              {
                expr: top(
                  50,
                  sinceEarliest('pulse_worker_committed_watermark_timestamp_seconds', ['tenant', 'dataset']),
                ),
                as: 'Behind',
                limits,
              },
            ],
            sort: 'Behind',
            empty: 'no worker says',
          }),
          lines({
            id: 22,
            title: 'How old is the oldest row in memory?',
            good: 'A saw for each dataset under the flush interval (`PULSE_FLUSH_SECONDS`).',
            otherwise: 'five minutes page: that dataset cannot be appended, see its name on Lake.',
            unit: 's',
            down: 'lake',
            width: 12,
            height: 10,
            limits,
            asked: [
              {
                expr: top(10, sinceEarliest('pulse_worker_oldest_unflushed_timestamp_seconds', ['tenant', 'dataset'])),
                as: '{{tenant}} / {{dataset}}',
              },
            ],
          }),
          lines({
            id: 23,
            title: 'Do records come from the future?',
            good: 'None.',
            otherwise: 'the clocks of API and worker differ by more than 5 s: every age on this page is wrong by that.',
            unit: 'none',
            down: 'runtime',
            width: 12,
            bars: true,
            limits: nothing,
            asked: [{ expr: grown('pulse_worker_future_records_total', ['instance']), as: '{{instance}}' }],
          }),
          lines({
            id: 24,
            title: 'How many events is this about?',
            good: 'As many committed as read.',
            otherwise: 'few events make these shares jump; the canary sees to it that there are always some.',
            unit: 'eps',
            down: 'worker',
            width: 12,
            asked: [{ expr: observed('pulse_worker_freshness_seconds', ['stage']), as: '{{stage}}' }],
          }),
        ],
      },
      {
        id: 30,
        title: 'One dataset: $tenant / $dataset',
        panels: [
          lines({
            id: 31,
            title: 'How far is it behind now?',
            good: `Under ${FRESH_SECONDS} s.`,
            otherwise: 'its last row on Lake says whether appending fails.',
            unit: 's',
            down: 'lake',
            width: 8,
            limits,
            asked: [
              {
                expr: sinceEarliest('pulse_worker_committed_watermark_timestamp_seconds', [], OF_DATASET),
                as: 'behind now',
              },
            ],
          }),
          lines({
            id: 32,
            title: 'How old is its oldest row in memory?',
            good: 'A saw under the flush interval; nothing where no row waits.',
            otherwise: 'it cannot be appended.',
            unit: 's',
            down: 'lake',
            width: 8,
            limits,
            asked: [
              {
                expr: `(${sinceEarliest('pulse_worker_oldest_unflushed_timestamp_seconds', [], OF_DATASET)}) or vector(0)`,
                as: 'oldest',
              },
            ],
          }),
          lines({
            id: 33,
            title: 'How old is its tenant’s oldest record that is not committed?',
            good: `Under ${FRESH_SECONDS} s.`,
            otherwise: 'all datasets of a tenant share its topic: the slowest speaks here.',
            unit: 's',
            down: 'tenant',
            width: 8,
            limits: rising(FRESH_SECONDS, 2 * FRESH_SECONDS),
            asked: [{ expr: highest('pulse_worker_lag_seconds', [], OF_TENANT), as: 'oldest' }],
          }),
        ],
      },
    ],
  })
