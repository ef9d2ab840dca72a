import { Readable } from 'node:stream'
import type { Place } from '../test/kit/api.ts'
import type { System } from '../test/kit/system.ts'
import { eventAt } from './events.ts'
import { cpuPerEvent, load } from './measure.ts'
import { type Figure, rate, us } from './report.ts'

const LINES = 2_000

/** The `data` of the events that all measurements use, as NDJSON or CSV of what lies at the top. */
function lines(format: 'ndjson' | 'csv'): Buffer {
  const rows = Array.from({ length: LINES }, (_, at) => (JSON.parse(eventAt(at, '')) as { data: object }).data)
  const text =
    format === 'ndjson'
      ? rows.map((row) => JSON.stringify(row))
      : rows.map((row) =>
          Object.values(row)
            .map(
              (value) =>
                `"${(typeof value === 'object' ? JSON.stringify(value) : String(value)).replaceAll('"', '""')}"`,
            )
            .join(','),
        )
  return Buffer.from(`${text.join('\n')}\n`)
}

/** One file after another is uploaded beside the same events in batches of 500 by collect, in the same run. */
export async function measureFiles(
  system: System,
  place: Place,
  pids: Readonly<Record<string, number>>,
  seconds: number,
  events: number,
): Promise<Figure[]> {
  const plan = { core: '1', port: system.apiPort, tenant: place.tenantId, dataset: place.dataset }
  const batches = await cpuPerEvent(
    pids,
    () => load({ ...plan, connections: 8, perRequest: 500, seconds }),
    ({ accepted }) => accepted,
  )
  const figures: Figure[] = []
  for (const format of ['ndjson', 'csv'] as const) {
    const part = lines(format)
    const head = Buffer.from('timestamp,kind,session,country,amount,quantity,page,device,items\n')
    function* content(rows: number): Generator<Buffer> {
      if (format === 'csv') yield head
      for (let sent = 0; sent < rows; sent += LINES) yield part
    }
    const upload = async (rows: number): Promise<{ accepted: number; rejected: number }> => {
      const answer = await fetch(`${system.baseUrl}/v1/datasets/${place.dataset}/batch`, {
        method: 'POST',
        headers: {
          'x-tenant-id': place.tenantId,
          'content-type': format === 'csv' ? 'text/csv' : 'application/x-ndjson',
        },
        body: Readable.toWeb(Readable.from(content(rows))),
        duplex: 'half',
      } as RequestInit)
      return (await answer.json()) as { accepted: number; rejected: number }
    }
    await upload(events / 4) // what is sustained is meant, and code that never ran is slow
    const fromMs = performance.now()
    const { result, cpuUs } = await cpuPerEvent(
      pids,
      () => upload(events),
      ({ accepted }) => accepted,
    )
    const perSecond = result.accepted / ((performance.now() - fromMs) / 1_000)
    const share = (100 * (batches.cpuUs['api'] ?? 0)) / (cpuUs['api'] ?? 1)
    figures.push({
      what: `a file of ${result.accepted.toLocaleString('en')} rows, ${format}`,
      measured: `${rate(perSecond)}, api ${us(cpuUs['api'])}; collect, NDJSON of 500: ${rate(batches.result.perSecond)}, api ${us(batches.cpuUs['api'])}`,
      target: '>= 60 % of collect in batches',
      ceiling: `${Math.round(share)} % of it by CPU of the API`,
      note: `api on core 0, all else on core 1; rejected ${result.rejected}`,
    })
  }
  return figures
}
