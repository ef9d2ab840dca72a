import { BUDGET_LEFT, ERRORS, OBJECTIVE, TIERS } from '../burn.ts'
import { JOBS } from '../query.ts'
import { FRESH_SECONDS, SLOS, type Slo } from '../slos.ts'
import { lines } from './charts.ts'
import { dashboard } from './dashboard.ts'
import { grown, lowest, mean, rate, sinceEarliest, sinceLatest, top } from './queries.ts'
import { nothing, over, rising, steps, type Panel, type Said } from './said.ts'
import { table } from './tables.ts'
import { tile } from './tiles.ts'

const collected = (outcome: 'accepted' | 'failed'): string => rate('pulse_api_collect_events_total', [], { outcome })
const LET_IN = rate('pulse_api_collect_events_total', [], { outcome: ['accepted', 'failed'] })
const READ = rate('pulse_worker_events_consumed_total')
const APPENDED = rate('pulse_worker_events_appended_total')

/** Where a promise is looked into, and how its tile is called. */
const PROMISES: Readonly<Record<string, { title: string; down: Said['down'] }>> = {
  'collect-availability': { title: 'Does collect answer?', down: 'collect' },
  'collect-latency': { title: 'Fast enough?', down: 'collect' },
  freshness: { title: 'Fresh enough?', down: 'freshness' },
  integrity: { title: 'Each event once?', down: 'integrity' },
  preview: { title: 'Can it be read?', down: 'api' },
}

/** Burning evenly is 1; the colours change where the alerts do. */
const burnLimits = (): ReturnType<typeof steps> => {
  const factor = (grade: 'page' | 'ticket') =>
    Math.min(...TIERS.filter((tier) => tier.grade === grade).map((tier) => tier.factor))
  return steps('green', [factor('ticket'), 'yellow'], [factor('page'), 'red'])
}

function promise({ slug, title, objective, unit }: Slo, position: number): Panel {
  const { title: question, down } = PROMISES[slug] ?? { title, down: 'home' }
  const of = `{slo="${slug}"}`
  return tile({
    id: 11 + position,
    title: question,
    good: `Promised: ${title}, for ${100 * objective} % of the ${unit} of 30 days. Budget left is above zero, and burn, how many times as fast as the budget lasts the last hour spent it, is below 1.`,
    otherwise: 'open the dashboard behind the link; the alert of this name has a section in the runbook.',
    unit: 'percentunit',
    down,
    width: 4,
    height: 5,
    empty: 'no traffic',
    asked: [
      { expr: `${BUDGET_LEFT}${of}`, as: 'budget left', limits: steps('red', [0, 'orange'], [0.25, 'green']) },
      {
        expr: `${ERRORS('1h')}${of} / on (slo) (1 - ${OBJECTIVE}${of})`,
        as: 'burn',
        unit: 'suffix: ×',
        limits: burnLimits(),
      },
    ],
  })
}

interface Stage {
  readonly id: number
  readonly title: string
  readonly expr: string
  readonly good: string
  readonly otherwise: string
  readonly down: Said['down']
}
const stage = ({ expr, ...said }: Stage): Panel =>
  tile({ ...said, unit: 'eps', width: 3, asked: [{ expr }], empty: 'nothing yet', curve: true })
/** What is between two neighbours, as a number of its own. */
const between = ({ expr, ...said }: Stage): Panel =>
  tile({ ...said, unit: 'eps', width: 2, asked: [{ expr }], empty: '0' })

export const home = () =>
  dashboard({
    slug: 'home',
    title: 'Pulse: Home',
    description: 'Is all well, and if not, where do I look?',
    rows: [
      {
        id: 10,
        title: 'Is what we promised kept?',
        panels: [
          ...SLOS.map(promise),
          tile({
            id: 16,
            title: 'Does anything fire?',
            good: 'No page and no ticket.',
            otherwise: 'the table "What fires?" below names them; each name is a heading of docs/operate/runbook.md.',
            unit: 'none',
            down: 'telemetry',
            width: 4,
            height: 5,
            empty: '0',
            asked: [
              { expr: 'count(ALERTS{alertstate="firing",grade="page"}) or vector(0)', as: 'pages', limits: nothing },
              {
                expr: 'count(ALERTS{alertstate="firing",grade="ticket"}) or vector(0)',
                as: 'tickets',
                limits: steps('green', [1, 'yellow']),
              },
            ],
          }),
        ],
      },
      {
        id: 20,
        title: 'Does everything that comes in go through? (events a second)',
        panels: [
          stage({
            id: 21,
            title: 'Let in?',
            expr: LET_IN,
            good: 'Events that passed the checks at the door, whatever the clients send.',
            otherwise: 'zero where there should be traffic means that clients are refused or do not reach the API.',
            down: 'collect',
          }),
          between({
            id: 22,
            title: 'Failed?',
            expr: collected('failed'),
            good: 'Zero: let in is published.',
            otherwise:
              'the bus does not take what collect publishes; the clients were told `publish_failed` and send again.',
            down: 'collect',
          }),
          stage({
            id: 23,
            title: 'Published?',
            expr: collected('accepted'),
            good: 'As many as were let in: the bus has acknowledged them, and the clients were told so.',
            otherwise: 'see how long the bus takes on Collect.',
            down: 'collect',
          }),
          between({
            id: 24,
            title: 'Unread?',
            expr: `${collected('accepted')} - ${READ}`,
            good: 'Around zero: below it while the workers catch up.',
            otherwise:
              'above zero for minutes the workers fall behind; see whether all partitions are owned on Worker.',
            down: 'worker',
          }),
          stage({
            id: 25,
            title: 'Read?',
            expr: READ,
            good: 'As many as are published.',
            otherwise: 'see lag and what holds reading back on Worker.',
            down: 'worker',
          }),
          between({
            id: 26,
            title: 'No row?',
            expr: `${READ} - ${APPENDED}`,
            good: 'Around zero: it swings with each flush. What stays above zero are duplicates, dead letters, and a buffer that fills.',
            otherwise: 'the terms of the account are on Integrity.',
            down: 'integrity',
          }),
          stage({
            id: 27,
            title: 'Appended?',
            expr: APPENDED,
            good: 'As many as are read, less duplicates and dead letters: they are rows.',
            otherwise: 'see flushes and commits on Lake.',
            down: 'lake',
          }),
          tile({
            id: 28,
            title: 'How did the canary come back?',
            good: `Events that Pulse sends itself are read back every half a minute. A round trip takes less than ${FRESH_SECONDS} s, and the last whole one is less than two minutes ago.`,
            otherwise: 'Integrity says what became of its events, `pulse doctor` which step does not work.',
            unit: 's',
            down: 'integrity',
            width: 6,
            empty: 'no canary',
            asked: [
              {
                expr: mean('pulse_canary_roundtrip_seconds', [], { stage: 'previewed' }, '5m'),
                as: 'took',
                limits: rising(FRESH_SECONDS / 2, FRESH_SECONDS),
              },
              {
                expr: sinceLatest('pulse_canary_last_success_timestamp_seconds'),
                as: 'ago',
                limits: rising(2 * FRESH_SECONDS, 5 * FRESH_SECONDS),
              },
            ],
          }),
        ],
      },
      {
        id: 30,
        title: 'Where is it worst?',
        panels: [
          table({
            id: 31,
            title: 'Which datasets are furthest behind?',
            good: `Everything that was received until so long ago is a row that can be queried: less than ${FRESH_SECONDS} s in every dataset.`,
            otherwise:
              'one dataset alone: look at it on Lake, last row. All of them: a place is away, or the workers fall behind.',
            unit: 's',
            down: 'freshness',
            width: 12,
            labels: { tenant: 'Tenant', dataset: 'Dataset' },
            columns: [
              {
                expr: top(
                  5,
                  sinceEarliest('pulse_worker_committed_watermark_timestamp_seconds', ['tenant', 'dataset']),
                ),
                as: 'Behind',
                limits: rising(FRESH_SECONDS, 5 * FRESH_SECONDS),
              },
            ],
            sort: 'Behind',
            empty: 'no worker says',
          }),
          table({
            id: 32,
            title: 'What fires?',
            good: '"nothing fires".',
            otherwise:
              'read the section of that name in docs/operate/runbook.md. Pages first; a ticket can wait for the morning.',
            unit: 'none',
            down: 'telemetry',
            width: 12,
            labels: { alertname: 'Alert', grade: 'Grade', tenant: 'Tenant', dataset: 'Dataset', job: 'Job' },
            columns: [
              {
                expr: 'count by (alertname, grade, job, tenant, dataset) (ALERTS{alertstate="firing",grade=~"page|ticket"}) or label_replace(vector(0), "alertname", "nothing fires", "", "")',
                as: 'How many',
              },
            ],
            empty: 'nothing fires',
          }),
        ],
      },
      {
        id: 40,
        title: 'What does it stand on?',
        panels: [
          tile({
            id: 41,
            title: 'Do the processes answer?',
            good: 'At least one of each answers Prometheus.',
            otherwise: 'a process is gone, or cannot be reached from here: its last log lines say why.',
            unit: 'none',
            down: 'runtime',
            width: 12,
            height: 5,
            limits: over(1),
            empty: 'no process of Pulse is known here',
            asked: [{ expr: `sum by (job) (up{job=~"${Object.values(JOBS).join('|')}"})`, as: '{{job}}' }],
          }),
          tile({
            id: 42,
            title: 'Do the places answer?',
            good: 'Postgres, the bus (`kafka`) and the object store (`minio`) answer every process that needs them.',
            otherwise: 'the process that is named cannot reach that place; Runtime has how long the checks take.',
            unit: 'none',
            down: 'runtime',
            width: 12,
            height: 5,
            limits: over(1),
            words: { 0: 'away', 1: 'answers' },
            empty: 'nobody looks',
            asked: [{ expr: lowest('pulse_dependency_up', ['job', 'dependency']), as: '{{job}} {{dependency}}' }],
          }),
          lines({
            id: 43,
            title: 'How did the pipeline run?',
            good: 'Four curves on top of each other; appended moves in steps, one for each flush.',
            otherwise: 'the first curve that is missing names the stage.',
            unit: 'eps',
            down: 'worker',
            width: 16,
            asked: [
              { expr: LET_IN, as: 'let in' },
              { expr: collected('accepted'), as: 'published' },
              { expr: READ, as: 'read' },
              { expr: APPENDED, as: 'appended' },
            ],
          }),
          lines({
            id: 44,
            title: 'What was changed?',
            good: 'What you know of: tenants, schemas and datasets that somebody made, changed or archived.',
            otherwise: 'the log has each (`event="registry.changed"`) with its trace.',
            unit: 'none',
            down: 'tenant',
            width: 8,
            bars: true,
            asked: [
              {
                expr: grown('pulse_api_config_changes_total', ['entity', 'action']),
                as: '{{entity}} {{action}}',
              },
            ],
          }),
        ],
      },
    ],
  })
