import { JOBS, type Where } from '../query.ts'
import { COLLECT, PREVIEW, SLOS } from '../slos.ts'
import { heatmap, lines } from './charts.ts'
import { dashboard } from './dashboard.ts'
import { grown, heat, highest, orZero, percentiles, quantile, rate, sum } from './queries.ts'
import { rising, under } from './said.ts'

const slo = (slug: string) => SLOS.find((each) => each.slug === slug)
const COLLECT_SECONDS = slo('collect-latency')?.threshold ?? 0
const PREVIEW_SECONDS = slo('preview')?.threshold ?? 0
const FAILING = 1 - (slo('collect-availability')?.objective ?? 1)

/** Routes by what they cost. */
const CLASSES = [
  ['collect', { route: COLLECT }],
  ['preview', { route: PREVIEW }],
  ['control plane', { route: { not: [COLLECT, PREVIEW] } }],
] as const

const failing = (where: Where<'pulse_api_requests_total'>): string =>
  `(${orZero(rate('pulse_api_requests_total', [], { ...where, status: '5..' }))}) / ${rate('pulse_api_requests_total', [], where)}`

export const api = () =>
  dashboard({
    slug: 'api',
    title: 'Pulse: API',
    description:
      'Is the API asked, does it answer, and how fast? By class of route: collect, preview, and the control plane.',
    rows: [
      {
        id: 10,
        title: 'Is it asked, and does it answer?',
        panels: [
          lines({
            id: 11,
            title: 'How much is asked?',
            good: 'The traffic you know, of each class.',
            otherwise:
              'a class that stops while its clients are there: they do not reach the API. One that grows: see who on Collect.',
            unit: 'reqps',
            down: 'collect',
            width: 8,
            asked: CLASSES.map(([as, where]) => ({ expr: rate('pulse_api_requests_total', [], where), as })),
          }),
          lines({
            id: 12,
            title: 'How much fails through us?',
            good: `Zero; the promise of collect allows ${(100 * FAILING).toFixed(1)} % over 30 days. What the client has done wrong (4xx) is not in it.`,
            otherwise:
              'the log has each (`event="api.request.finished"`, level error) with its code; what is shed stands below.',
            unit: 'percentunit',
            down: 'collect',
            width: 8,
            limits: under(FAILING),
            asked: CLASSES.map(([as, where]) => ({ expr: failing(where), as })),
          }),
          lines({
            id: 13,
            title: 'With which statuses?',
            good: 'Almost only 2xx.',
            otherwise:
              '4xx: a client is wrong, Collect has the reasons. 503: the API protects itself or a place is away. 500: a defect of ours, in the log with its stack.',
            unit: 'reqps',
            down: 'collect',
            width: 8,
            stacked: true,
            bars: true,
            asked: [{ expr: rate('pulse_api_requests_total', ['status']), as: '{{status}}' }],
          }),
        ],
      },
      {
        id: 20,
        title: 'How fast?',
        panels: [
          lines({
            id: 21,
            title: 'How long does collect take?',
            good: `p99 under ${COLLECT_SECONDS} s, which is what is promised.`,
            otherwise:
              'follow a diamond to its trace: it says whether judging the events or waiting for the bus took the time.',
            unit: 's',
            down: 'collect',
            width: 8,
            exemplars: true,
            limits: under(COLLECT_SECONDS),
            asked: percentiles('pulse_api_request_seconds', { route: COLLECT }),
          }),
          heatmap({
            id: 22,
            title: 'How do collect times spread?',
            good: 'One dark band low down. A second band is a second way through: retries, another size of batch, a slow partition.',
            otherwise: 'diamonds in the upper band lead to its traces.',
            unit: 's',
            down: 'collect',
            width: 8,
            exemplars: true,
            expr: heat('pulse_api_request_seconds', { route: COLLECT }),
          }),
          lines({
            id: 23,
            title: 'How long does the control plane take?',
            good: 'p95 under 1 s; these routes are a few transactions each.',
            otherwise: 'Runtime says which transactions are slow, and whether callers wait for a connection.',
            unit: 's',
            down: 'runtime',
            width: 8,
            exemplars: true,
            limits: under(1),
            asked: [
              {
                expr: quantile(0.95, 'pulse_api_request_seconds', ['route'], { route: { not: [COLLECT, PREVIEW] } }),
                as: '{{route}}',
              },
            ],
          }),
          lines({
            id: 24,
            title: 'How long do previews take?',
            good: `p99 under ${PREVIEW_SECONDS} s, which is what is promised.`,
            otherwise: 'the next panel says which phase; many small files make planning and fetching slow, see Lake.',
            unit: 's',
            down: 'lake',
            width: 12,
            exemplars: true,
            limits: under(PREVIEW_SECONDS),
            asked: percentiles('pulse_api_request_seconds', { route: PREVIEW }),
          }),
          lines({
            id: 25,
            title: 'Which phase of a preview takes the time?',
            good: 'p95 of each phase well under the whole: plan (snapshot and files), fetch (files brought near), decode (rows read).',
            otherwise:
              'plan: metadata has grown; fetch: the object store; decode: large rows or many of them. All on Lake.',
            unit: 's',
            down: 'lake',
            width: 12,
            asked: [{ expr: quantile(0.95, 'pulse_api_dataset_preview_seconds', ['phase']), as: '{{phase}}' }],
          }),
        ],
      },
      {
        id: 30,
        title: 'Is it full, and whom does it refuse?',
        panels: [
          lines({
            id: 31,
            title: 'How many requests are being answered?',
            good: 'A handful. It rises with traffic and falls with it.',
            otherwise: 'rising while traffic is flat: answers have become slow, see above.',
            unit: 'none',
            down: 'runtime',
            width: 6,
            asked: [{ expr: sum('pulse_api_inflight_requests', ['class']), as: '{{class}}' }],
          }),
          lines({
            id: 32,
            title: 'What is shed, and why?',
            good: 'Nothing.',
            otherwise:
              '`producer_queue`: the bus is slow, see Collect. `event_loop`, `inflight`, `memory`: more is asked than this process can do; add one.',
            unit: 'none',
            down: 'collect',
            width: 6,
            bars: true,
            limits: under(1),
            asked: [{ expr: grown('pulse_api_shed_total', ['reason']), as: '{{reason}}' }],
          }),
          lines({
            id: 33,
            title: 'Who is not let in, and why?',
            good: 'Next to nothing.',
            otherwise:
              'a client with a wrong or old id; the log has the route and the trace (`event="api.auth.failed"`).',
            unit: 'none',
            down: 'tenant',
            width: 6,
            bars: true,
            asked: [{ expr: grown('pulse_api_auth_failures_total', ['reason']), as: '{{reason}}' }],
          }),
          lines({
            id: 34,
            title: 'How busy is the event loop?',
            good: 'Under 0.7: there is room for a burst.',
            otherwise: 'one more API process, or see on Runtime what holds the loop.',
            unit: 'percentunit',
            down: 'runtime',
            width: 6,
            max: 1,
            limits: rising(0.7, 0.9),
            asked: [
              {
                expr: highest('pulse_process_event_loop_utilization_ratio', ['instance'], { job: JOBS.api }),
                as: '{{instance}}',
              },
            ],
          }),
        ],
      },
    ],
  })
