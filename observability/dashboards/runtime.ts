import { lines } from './charts.ts'
import { dashboard } from './dashboard.ts'
import { highest, quantile, sum, WINDOW } from './queries.ts'
import { rising, steps } from './said.ts'
import { table } from './tables.ts'

/** What every process of Pulse exports by itself, beside the catalogue: selected by job. */
const ALL = 'job=~"pulse-.+"'
const own = (name: string, more = ''): string => `${name}{${ALL}${more}}`
const perSecond = (name: string, more = ''): string => `rate(${own(name, more)}[${WINDOW}])`
const each = '{{job}} {{instance}}'

export const runtime = () =>
  dashboard({
    slug: 'runtime',
    title: 'Pulse: Runtime',
    description: 'How are the processes: busy, full, restarted? What runs, with which settings, and how is Postgres?',
    rows: [
      {
        id: 10,
        title: 'What runs?',
        panels: [
          table({
            id: 11,
            title: 'Which build runs where?',
            good: 'One version of each plane, the same commit everywhere.',
            otherwise: 'two versions: a rollout that has not ended, or was forgotten.',
            unit: 'none',
            down: 'telemetry',
            width: 12,
            labels: { job: 'Job', plane: 'Plane', version: 'Version', commit: 'Commit', node: 'Node' },
            columns: [{ expr: 'count by (job, plane, version, commit, node) (pulse_build_info)', as: 'Processes' }],
            empty: 'no process answers',
          }),
          table({
            id: 12,
            title: 'With which settings?',
            good: 'One hash for all processes of a plane.',
            otherwise: 'two hashes: the processes were started with different settings; each prints its own at start.',
            unit: 'none',
            down: 'telemetry',
            width: 12,
            labels: { job: 'Job', hash: 'Hash of the settings' },
            columns: [{ expr: 'count by (job, hash) (pulse_config_info)', as: 'Processes' }],
            empty: 'no process answers',
          }),
          lines({
            id: 13,
            title: 'Do processes restart?',
            good: 'Flat, but for deploys: the age of each process, rising.',
            otherwise: 'a saw: it is killed or ends again and again. Its last log lines, and the memory below.',
            unit: 's',
            down: 'telemetry',
            width: 24,
            height: 6,
            asked: [{ expr: `time() - ${own('process_start_time_seconds')}`, as: each }],
          }),
        ],
      },
      {
        id: 20,
        title: 'Busy?',
        panels: [
          lines({
            id: 21,
            title: 'How busy is each event loop?',
            good: 'Under 0.7.',
            otherwise: 'one more process of that plane.',
            unit: 'percentunit',
            down: 'telemetry',
            width: 8,
            max: 1,
            limits: rising(0.7, 0.9),
            asked: [
              {
                expr: highest('pulse_process_event_loop_utilization_ratio', ['job', 'instance']),
                as: each,
              },
            ],
          }),
          lines({
            id: 22,
            title: 'How long is the event loop held?',
            good: 'p99 under 100 ms.',
            otherwise: 'something runs for long in one go: a scrape (Telemetry), a huge request, garbage collection.',
            unit: 's',
            down: 'telemetry',
            width: 8,
            limits: rising(0.1, 0.5),
            asked: [{ expr: own('nodejs_eventloop_lag_p99_seconds'), as: each }],
          }),
          lines({
            id: 23,
            title: 'How much processor time?',
            good: 'Under one core each; DuckDB’s threads in a worker may take more.',
            otherwise: 'at the machine’s limit everything above becomes slow.',
            unit: 'percentunit',
            down: 'telemetry',
            width: 8,
            asked: [{ expr: perSecond('process_cpu_seconds_total'), as: each }],
          }),
          lines({
            id: 24,
            title: 'How much of the time does garbage collection take?',
            good: 'Under 5 %.',
            otherwise: 'memory is short or something makes much garbage: see the heap.',
            unit: 'percentunit',
            down: 'telemetry',
            width: 8,
            limits: rising(0.05, 0.2),
            asked: [{ expr: `sum by (job, instance) (${perSecond('nodejs_gc_duration_seconds_sum')})`, as: each }],
          }),
          lines({
            id: 25,
            title: 'How many handles are open?',
            good: 'Flat: connections and timers.',
            otherwise: 'rising without traffic: something is opened and not closed.',
            unit: 'none',
            down: 'telemetry',
            width: 8,
            asked: [{ expr: `sum by (job, instance) (${own('nodejs_active_handles')})`, as: each }],
          }),
          lines({
            id: 26,
            title: 'How many files are open?',
            good: 'Far from the limit, flat in the long run.',
            otherwise: 'at 1 nothing can be opened any more, connections neither.',
            unit: 'percentunit',
            down: 'telemetry',
            width: 8,
            max: 1,
            limits: rising(0.5, 0.8),
            asked: [{ expr: `${own('process_open_fds')} / ${own('process_max_fds')}`, as: each }],
          }),
        ],
      },
      {
        id: 30,
        title: 'Full?',
        panels: [
          lines({
            id: 31,
            title: 'How large is the heap?',
            good: 'A saw whose lower teeth are level.',
            otherwise: 'lower teeth that rise for hours are a leak: take a heap snapshot before restarting.',
            unit: 'bytes',
            down: 'telemetry',
            width: 12,
            asked: [{ expr: own('nodejs_heap_size_used_bytes'), as: each }],
          }),
          lines({
            id: 32,
            title: 'How much memory does each process hold?',
            good: 'Level under load; a worker holds its buffer and DuckDB on top of the heap.',
            otherwise: 'over the container’s limit the kernel kills it: see restarts.',
            unit: 'bytes',
            down: 'telemetry',
            width: 12,
            asked: [{ expr: own('process_resident_memory_bytes'), as: each }],
          }),
        ],
      },
      {
        id: 40,
        title: 'How is Postgres, and what else it stands on?',
        panels: [
          lines({
            id: 41,
            title: 'Do callers wait for a connection?',
            good: 'Waiting is zero; busy stays under the dashed line.',
            otherwise: 'more connections (`PULSE_DATABASE_POOL_SIZE`), or transactions that are slow, see beside.',
            unit: 'none',
            down: 'telemetry',
            width: 8,
            dashed: ['as many as may be'],
            asked: [
              { expr: sum('pulse_db_pool_connections', ['job', 'state']), as: '{{job}} {{state}}' },
              { expr: highest('pulse_db_pool_max_connections'), as: 'as many as may be' },
            ],
          }),
          lines({
            id: 42,
            title: 'Which transactions are slow?',
            good: 'p95 of each far under a second, the wait for a connection included.',
            otherwise: 'all: Postgres itself, its disk, its locks. One: what it is for is its name.',
            unit: 's',
            down: 'telemetry',
            width: 8,
            limits: rising(0.5, 2.5),
            asked: [{ expr: quantile(0.95, 'pulse_db_query_seconds', ['query']), as: '{{query}}' }],
          }),
          lines({
            id: 43,
            title: 'How long do the places take to answer a check?',
            good: 'p95 far under the second that a probe allows.',
            otherwise: 'beyond a second the process says that it is not ready.',
            unit: 's',
            down: 'telemetry',
            width: 8,
            limits: steps('green', [0.5, 'yellow'], [1, 'red']),
            asked: [
              {
                expr: quantile(0.95, 'pulse_dependency_check_seconds', ['job', 'dependency']),
                as: '{{job}} {{dependency}}',
              },
            ],
          }),
        ],
      },
    ],
  })
