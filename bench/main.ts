import { cpus, totalmem } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { makePlace, type Place } from '../test/kit/api.ts'
import { bootPulse, type System } from '../test/kit/system.ts'
import { until } from '../test/kit/until.ts'
import { SCHEMA } from './events.ts'
import { measureFiles } from './files.ts'
import { fillLedger } from './ledger.ts'
import { cpuPerEvent, load, runOn } from './measure.ts'
import { cpuMsOf, peakMiBOf, pin, pssMiBOf, rssMiBOf } from './proc.ts'
import { fillRegistry, measurePublish } from './registry.ts'
import { type Figure, mib, ms, rate, table, us } from './report.ts'
import { measureTelemetry } from './telemetry.ts'

/**
 * `npm run bench`: what Pulse does on this machine, beside what the parts alone can do, measured in
 * the same run. A benchmark, not a test: it judges nothing. Core 0 runs the process that is
 * measured, core 1 the load and everything else; each row's note says which. `--only collect,drain`
 * chooses, `--seconds` and `--events` set the size.
 */
const { values } = parseArgs({
  options: {
    only: { type: 'string', default: 'ceilings,collect,batch,files,registry,drain,ledger,freshness,idle,telemetry' },
    seconds: { type: 'string', default: '8' },
    events: { type: 'string', default: '1000000' },
    ids: { type: 'string', default: '50000000' },
  },
})
const wanted = new Set(values.only.split(','))
const seconds = Number(values.seconds)
const events = Number(values.events)
const figures: Figure[] = []
const ceilings: Record<string, Record<string, number>> = {}

const pidsOf = (system: System): Record<string, number> =>
  Object.fromEntries(
    (['api', 'worker', 'canary', 'bus', 'postgres'] as const).flatMap((name) => {
      const pid = system.pid(name)
      return pid === undefined ? [] : [[name, pid] as const]
    }),
  )

function pinAll(system: System, measured: 'api' | 'worker'): void {
  for (const [name, pid] of Object.entries(pidsOf(system))) pin(pid, name === measured ? '0' : '1')
}

const committedRows = async (place: Place, system: System): Promise<number> => {
  const response = await fetch(`${system.baseUrl}/v1/datasets/${place.dataset}`, {
    headers: { 'x-tenant-id': place.tenantId },
    signal: AbortSignal.timeout(10_000),
  })
  return Number(((await response.json()) as { rows?: number }).rows ?? 0)
}

async function measureCeilings(): Promise<void> {
  const server = runOn('0', 'ceilings.ts', ['fastify'])
  const port = Number((await server.first)['port'])
  const common = { core: '1', port, tenant: 'none', dataset: 'bench', connections: 32, seconds }
  await load({ ...common, seconds: 2, perRequest: 1 })
  for (const [name, perRequest] of [
    ['single', 1],
    ['batch', 500],
  ] as const) {
    const { result, cpuUs } = await cpuPerEvent(
      { fastify: server.child.pid ?? 0 },
      () => load({ ...common, perRequest, connections: perRequest === 1 ? 32 : 8 }),
      (answer) => answer.accepted,
    )
    ceilings[`fastify-${name}`] = { perSecond: result.perSecond, cpuUs: cpuUs['fastify'] ?? 0 }
    figures.push({
      what: `ceiling: bare Fastify, parse + ajv, ${name}`,
      measured: `${rate(result.perSecond)}, ${us(cpuUs['fastify'])}, p99 ${ms(result.p99Ms)}`,
      note: 'server on core 0, load on core 1, no bus',
    })
  }
  server.child.kill('SIGTERM')
  for (const which of ['parse', 'duckdb'] as const) {
    const answer = await runOn('0', 'ceilings.ts', [which]).end
    ceilings[which] = { perSecond: Number(answer['perSecond']), cpuUs: Number(answer['cpuUs']) }
    figures.push({
      what: `ceiling: ${which === 'parse' ? 'JSON.parse + ajv loop' : 'DuckDB COPY alone, 200 k rows'}`,
      measured: `${rate(Number(answer['perSecond']))}, ${us(Number(answer['cpuUs']))}`,
      note: 'core 0',
    })
  }
}

async function measureCollect(system: System, place: Place, perRequest: 1 | 500, beside = ''): Promise<void> {
  pinAll(system, 'api')
  const pids = pidsOf(system)
  const connections = perRequest === 1 ? 32 : 8
  const plan = {
    core: '1',
    port: system.apiPort,
    tenant: place.tenantId,
    dataset: place.dataset,
    connections,
    perRequest,
  }
  await load({ ...plan, seconds: 3 })
  // The worker drains meanwhile in real life; here it is stopped, so that core 1 is the load's,
  // the bus's and Postgres's, as the target says.
  const worker = pids['worker']
  if (worker !== undefined) process.kill(worker, 'SIGSTOP')
  const { result, cpuUs } = await cpuPerEvent(
    pids,
    () => load({ ...plan, seconds }),
    (answer) => answer.accepted,
  )
  if (worker !== undefined) process.kill(worker, 'SIGCONT')
  const ceiling = ceilings[perRequest === 1 ? 'fastify-single' : 'fastify-batch']
  figures.push({
    what: `${perRequest === 1 ? 'collect, one event a request' : 'collect, NDJSON of 500'}${beside}`,
    measured: `${rate(result.perSecond)}, api ${us(cpuUs['api'])}, bus ${us(cpuUs['bus'])}, p50 ${ms(result.p50Ms)}, p99 ${ms(result.p99Ms)}`,
    target: perRequest === 1 ? '>= 20,000/s, <= 42 µs, p99 <= 15 ms' : '>= 100,000/s, <= 9 µs',
    ceiling:
      ceiling === undefined
        ? ''
        : `${Math.round((100 * result.perSecond) / (ceiling['perSecond'] ?? 1))} % of bare Fastify`,
    note: `${connections} connections; api on core 0, load + bus + postgres on core 1; refused ${result.refused} ${result.lastRefusal.slice(-200)}`,
  })
}

async function measureDrain(system: System, place: Place, ledger = ''): Promise<void> {
  const pids = pidsOf(system)
  for (const pid of Object.values(pids)) pin(pid, '0,1')
  await until(
    'the worker to have caught up',
    async () => {
      const before = await committedRows(place, system)
      await sleep(6_000)
      return (await committedRows(place, system)) === before
    },
    300_000,
    10,
  )
  const worker = pids['worker'] ?? 0
  process.kill(worker, 'SIGSTOP')
  const before = await committedRows(place, system)
  const sent = await load({
    core: '1',
    port: system.apiPort,
    tenant: place.tenantId,
    dataset: place.dataset,
    connections: 8,
    perRequest: 500,
    seconds: 120,
    total: events,
  })
  pinAll(system, 'worker')
  const startedAt = performance.now()
  const { result, cpuUs } = await cpuPerEvent(
    pids,
    async () => {
      process.kill(worker, 'SIGCONT')
      await until(
        'all to be committed',
        async () => (await committedRows(place, system)) >= before + sent.accepted,
        300_000,
        100,
      )
      return (performance.now() - startedAt) / 1_000
    },
    () => sent.accepted,
  )
  const peak = peakMiBOf(system.pid('worker') ?? worker)
  await sleep(15_000)
  figures.push({
    what: `drain of ${sent.accepted.toLocaleString('en')} events to committed rows${ledger}`,
    measured: `${rate(sent.accepted / result)}, worker ${us(cpuUs['worker'])}, postgres ${us(cpuUs['postgres'])}, bus ${us(cpuUs['bus'])}`,
    target: '>= 60,000/s, worker <= 10 µs, postgres <= 7 µs',
    ceiling: ceilings['duckdb'] === undefined ? '' : `DuckDB alone ${rate(ceilings['duckdb']['perSecond'] ?? 0)}`,
    note: 'worker on core 0, bus + postgres on core 1; includes the time to claim again',
  })
  figures.push({
    what: 'memory of the worker: peak while draining, 15 s after',
    measured: `${mib(peak)}, ${mib(rssMiBOf(system.pid('worker') ?? worker))}`,
    target: '<= 1,024 MiB, < 500 MiB',
  })
}

async function measureFreshness(): Promise<void> {
  await using system = await bootPulse({})
  const place = await makePlace(system.baseUrl, SCHEMA)
  const loading = load({
    core: '0,1',
    port: system.apiPort,
    tenant: place.tenantId,
    dataset: place.dataset,
    connections: 8,
    perRequest: 20,
    seconds: 30,
    rate: 2_000,
  })
  const samples: number[] = []
  const endsAt = Date.now() + 28_000
  await sleep(3_000)
  while (Date.now() < endsAt) {
    const askedAt = performance.now()
    const response = await fetch(`${system.baseUrl}/v1/collect`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-tenant-id': place.tenantId },
      body: JSON.stringify({
        dataset: place.dataset,
        data: { timestamp: '2189-01-01T00:00:00Z', kind: 'view', quantity: samples.length },
      }),
    })
    const id = ((await response.json()) as { results: { event_id: string }[] }).results[0]?.event_id
    await until(
      'the probe to be in the preview',
      async () => {
        const preview = await fetch(
          `${system.baseUrl}/v1/datasets/${place.dataset}/preview?limit=50&columns=_event_id,timestamp`,
          {
            headers: { 'x-tenant-id': place.tenantId },
          },
        )
        return ((await preview.json()) as { rows?: { _event_id: string }[] }).rows?.some((row) => row._event_id === id)
      },
      30_000,
      20,
    )
    samples.push(performance.now() - askedAt)
  }
  const sent = await loading
  samples.sort((a, b) => a - b)
  const at = (p: number) => samples[Math.min(samples.length - 1, Math.floor(samples.length * p))] ?? 0
  figures.push({
    what: `accepted -> seen in the preview, at ${rate(sent.perSecond)}`,
    measured: `p50 ${ms(at(0.5))}, p95 ${ms(at(0.95))} (${samples.length} probes)`,
    target: 'p50 <= 3 s, p95 <= 5 s',
    note: 'embedded defaults, nothing pinned',
  })
}

async function measureIdle(): Promise<void> {
  await using system = await bootPulse({ PULSE_CANARY_SECONDS: '' })
  await sleep(10_000)
  const pids = { ...pidsOf(system) }
  const before = Object.values(pids).reduce((sum, pid) => sum + cpuMsOf(pid), 0)
  await sleep(20_000)
  const cpu = (Object.values(pids).reduce((sum, pid) => sum + cpuMsOf(pid), 0) - before) / 20_000
  const memory = Object.entries(pids).map(([name, pid]) => `${name} ${mib(pssMiBOf(pid))}`)
  const total = Object.values(pids).reduce((sum, pid) => sum + pssMiBOf(pid), 0)
  figures.push({
    what: 'all of the embedded system, idle',
    measured: `${mib(total)} (${memory.join(', ')}), ${(cpu * 100).toFixed(1)} % of a core`,
    target: '<= 700 MiB, <= 3 %',
    note: `PSS; without the supervisor; ready after ${ms(system.readyMs)}`,
  })
}

process.stdout.write(
  `${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores, ${mib(totalmem() / 2 ** 20)}, Node ${process.version}\n`,
)
if (wanted.has('ceilings')) await measureCeilings()
if (wanted.has('collect') || wanted.has('batch') || wanted.has('drain') || wanted.has('ledger')) {
  await using system = await bootPulse({ PULSE_BUS_MAX_BYTES: String(40 * 2 ** 30) })
  const place = await makePlace(system.baseUrl, SCHEMA, { dataset: 'bench' })
  if (wanted.has('collect')) await measureCollect(system, place, 1)
  if (wanted.has('batch')) await measureCollect(system, place, 500)
  if (wanted.has('drain') || wanted.has('ledger')) await measureDrain(system, place)
  if (wanted.has('ledger')) {
    const ids = Number(values.ids)
    const bytes = await fillLedger(system, place.tenantId, place.datasetId, ids)
    const size = `${Math.round(bytes / ids)} bytes an id`
    await measureDrain(system, place, `, with ${ids.toLocaleString('en')} ids in the ledger (${size})`)
  }
}
if (wanted.has('files')) {
  await using system = await bootPulse({ PULSE_BUS_MAX_BYTES: String(40 * 2 ** 30) })
  const place = await makePlace(system.baseUrl, SCHEMA, { dataset: 'bench' })
  pinAll(system, 'api')
  figures.push(...(await measureFiles(system, place, pidsOf(system), seconds, Math.min(events, 200_000))))
}
if (wanted.has('registry')) {
  await using system = await bootPulse({ PULSE_BUS_MAX_BYTES: String(40 * 2 ** 30) })
  const place = await makePlace(system.baseUrl, SCHEMA, { dataset: 'bench' })
  figures.push(await measurePublish(system, place))
  const schemas = 10_000
  await measureCollect(system, place, 500, ', beside 60 schemas')
  await fillRegistry(system, place, schemas)
  await measureCollect(system, place, 500, `, beside ${schemas.toLocaleString('en')} more`)
}
if (wanted.has('freshness')) await measureFreshness()
if (wanted.has('idle')) await measureIdle()
if (wanted.has('telemetry')) figures.push(...(await measureTelemetry(Math.ceil(seconds / 4))))
process.stdout.write(`${table(figures)}\n`)
