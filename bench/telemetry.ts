import { setTimeout as sleep } from 'node:timers/promises'
import { makePlace, type Place } from '../test/kit/api.ts'
import { startOtlp } from '../test/kit/otlp.ts'
import { bootPulse, type System } from '../test/kit/system.ts'
import { SCHEMA } from './events.ts'
import { cpuPerEvent, load } from './measure.ts'
import { pin } from './proc.ts'
import { type Figure, rate, us } from './report.ts'

/** A system whose worker sleeps, so that core 1 is the load's, the bus's and Postgres's. */
interface Subject {
  readonly system: System
  readonly place: Place
  readonly perSecond: number[]
  readonly cpuUs: number[]
}

async function subject(system: System): Promise<Subject> {
  const place = await makePlace(system.baseUrl, SCHEMA, { dataset: 'bench' })
  for (const name of ['api', 'worker', 'bus', 'postgres'] as const) {
    const pid = system.pid(name)
    if (pid !== undefined) pin(pid, name === 'api' ? '0' : '1')
  }
  const worker = system.pid('worker')
  if (worker !== undefined) process.kill(worker, 'SIGSTOP')
  return { system, place, perSecond: [], cpuUs: [] }
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

/**
 * What telemetry costs collect: one system with everything on at the default sampling rate (metrics scraped,
 * log lines written, spans sent to a receiver) and two with `PULSE_TELEMETRY=off`, loaded in turn, forwards and
 * backwards. The two that are off are one thing measured twice: how far apart they are is what the machine adds by itself.
 */
export async function measureTelemetry(seconds: number, rounds = 14): Promise<Figure[]> {
  await using collector = await startOtlp()
  await using on = await bootPulse({ PULSE_OTLP_ENDPOINT: collector.url })
  await using off = await bootPulse({ PULSE_TELEMETRY: 'off' })
  await using again = await bootPulse({ PULSE_TELEMETRY: 'off' })
  const subjects = [await subject(on), await subject(off), await subject(again)] as const
  const figures: Figure[] = []
  for (const perRequest of [1, 500] as const) {
    for (const one of subjects) one.perSecond.length = one.cpuUs.length = 0
    for (const one of subjects) await run(one, perRequest, 3)
    for (let round = 0; round < rounds; round += 1) {
      for (const one of round % 2 === 0 ? subjects : subjects.toReversed()) {
        const { perSecond, cpuUs } = await run(one, perRequest, seconds)
        one.perSecond.push(perSecond)
        one.cpuUs.push(cpuUs)
      }
    }
    const [with_, without, control] = subjects
    const kept = (one: Subject): string =>
      `${(100 * median(one.perSecond.map((value, index) => value / (without.perSecond[index] ?? Number.NaN)))).toFixed(1)} %`
    figures.push({
      what: `telemetry on beside off: collect, ${perRequest === 1 ? 'one event a request' : 'NDJSON of 500'}`,
      measured: `${kept(with_)} kept; ${rate(median(with_.perSecond))} and ${us(median(with_.cpuUs))} on, ${rate(median(without.perSecond))} and ${us(median(without.cpuUs))} off`,
      target: '>= 95 %',
      ceiling: `off beside off ${kept(control)}`,
      note: `median of ${rounds} rounds of ${seconds} s; scraped each 5 s; ${collector.spans().length} spans received`,
    })
  }
  return figures
}

async function run(
  { system, place }: Subject,
  perRequest: 1 | 500,
  seconds: number,
): Promise<{ perSecond: number; cpuUs: number }> {
  const stop = new AbortController()
  const scraping = scrape(`${system.baseUrl}/metrics/`, stop.signal)
  const { result, cpuUs } = await cpuPerEvent(
    { api: system.pid('api') ?? 0 },
    () =>
      load({
        core: '1',
        port: system.apiPort,
        tenant: place.tenantId,
        dataset: place.dataset,
        connections: perRequest === 1 ? 32 : 8,
        perRequest,
        seconds,
      }),
    (answer) => answer.accepted,
  )
  stop.abort()
  await scraping
  return { perSecond: result.perSecond, cpuUs: cpuUs['api'] ?? 0 }
}

async function scrape(url: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await fetch(url).then((answer) => answer.text())
    await sleep(5_000, undefined, { signal }).catch(() => undefined)
  }
}
