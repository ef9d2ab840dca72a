import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { call, makePlace, type Place } from '../test/kit/api.ts'
import { anySeed, chance } from '../test/kit/seed.ts'
import { bootPulse } from '../test/kit/system.ts'
import { until } from '../test/kit/until.ts'
import { openBooks, type Books } from './books.ts'
import { openClients } from './clients.ts'
import { faultsOf, inject } from './faults.ts'
import { judge } from './judge.ts'
import { pruneLedger } from './ledger.ts'
import type { LoadState } from './load.ts'
import { bytesBelow, openRecorder } from './samples.ts'

/**
 * `npm run soak -- --minutes 30`: the embedded system under a steady load of many tenants, with one fault a minute. Afterwards
 * nothing has leaked, nothing is lost or twice, and rows are as fresh as they were. Exit code 0 only then; the last line says what.
 */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    seed: { type: 'string' },
    events: { type: 'string', default: '2000' },
    tenants: { type: 'string', default: '50' },
    flush: { type: 'string', default: '10' },
  },
})
const minutes = Number(values.minutes)
const luck = chance(values.seed === undefined ? anySeed() : Number(values.seed))
const MINUTE_MS = 60_000
/** Until caches are full and every dataset has been flushed. */
const WARM_UP_MS = 60_000
/** Measured before the first fault, and after the last one is over. */
const WINDOW_MS = 30_000
const LOOK_EVERY_MS = 5_000
/** p95 of a dataset's events at a flush each `--flush` seconds, start and end of the soak beside each other. */
const P = 0.95

const DEFINITION = {
  type: 'object',
  properties: { timestamp: { type: 'string', format: 'date-time' }, at: { type: 'integer' }, note: { type: 'string' } },
  required: ['timestamp', 'at'],
}

const wrong: string[] = []
const say = (text: string): void => void process.stdout.write(`${text}\n`)
const hold = (right: boolean, text: string): void => {
  say(`${right ? 'ok  ' : 'BAD '} ${text}`)
  if (!right) wrong.push(text)
}
const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`

say(
  `soak: ${minutes} minutes, ${values.events} events/s of ${values.tenants} tenants, seed ${luck.seed} (--seed repeats it)`,
)
await using system = await bootPulse({
  PULSE_FLUSH_SECONDS: values.flush,
  // Shorter than in life, so that minutes show whether it is kept.
  PULSE_SNAPSHOTS_KEEP: '10',
  PULSE_SNAPSHOT_SECONDS: '60',
  PULSE_READER_GRACE_SECONDS: '15',
  PULSE_BUS_RETENTION_HOURS: '0.01',
})
await using books = openBooks(system)
const places: Place[] = []
for (let tenant = 0; tenant < Number(values.tenants); tenant += 1)
  places.push(await makePlace(system.baseUrl, DEFINITION, { tenant: `soak-${tenant}` }))
const recorder = openRecorder(system, books)

await using clients = await openClients({
  baseUrl: system.baseUrl,
  seed: luck.seed,
  tenants: places.map(({ tenantId, dataset }) => ({ id: tenantId, dataset })),
  perSecond: Number(values.events),
  perRequest: 20,
})
const [beganAt, beganMs] = [Date.now(), performance.now()]
const elapsed = (): number => performance.now() - beganMs

let looking = true
const looks = (async () => {
  while (looking) {
    await recorder.look(elapsed())
    const { refused } = await clients.state()
    if (refused.length > 0) looking = false
    await sleep(LOOK_EVERY_MS, undefined, { ref: false })
  }
})()

await sleep(MINUTE_MS / 2 + WINDOW_MS)
const firstWindow = [beganAt + MINUTE_MS / 2, beganAt + MINUTE_MS / 2 + WINDOW_MS] as const
await sleep(Number(values.flush) * 1_000 + 5_000)
const freshBefore = await books.freshnessMs(places, ...firstWindow, P)
say(`     p95 freshness at the start: ${seconds(freshBefore)}`)

const told: Record<string, number> = {}
for (const [minute, kind] of faultsOf(minutes, luck).entries()) {
  await sleep(Math.max(0, (minute + 1) * MINUTE_MS + luck.between(18_000, 40_000) - elapsed()))
  if (!looking) break
  say(`     ${seconds(elapsed())}: ${kind}`)
  told[kind] = (told[kind] ?? 0) + 1
  await inject(system, kind, luck)
  // The ledger is pruned past its window twice, with the load going on.
  if (minute === Math.floor(minutes / 2))
    for (const line of await pruneLedger(system, books)) hold(line.right, line.text)
}
await sleep(Math.max(0, (minutes + 1) * MINUTE_MS + 40_000 - elapsed()) + Number(values.flush) * 2_000)
const lastFrom = Date.now()
await sleep(WINDOW_MS)
const lastTo = Date.now()
const series = recorder.series(WARM_UP_MS)
looking = false
await looks
const state = await clients.stop()
const sent = state.accepted.reduce((sum, own) => sum + own, 0)
const ranSeconds = (lastTo - beganAt) / 1_000
say(
  `     ${sent} events accepted in ${state.requests} requests over ${Math.round(ranSeconds)} s; sent again ${JSON.stringify(state.again)}`,
)
hold(state.refused.length === 0, `no right request was refused ${state.refused.slice(0, 2).join('; ')}`)
hold(
  sent >= (ranSeconds * Number(values.events)) / 2,
  `${Math.round(sent / ranSeconds)} events/s on average, outages included`,
)

await account(state)
const freshAfter = await books.freshnessMs(places, lastFrom, lastTo, P)
hold(
  freshAfter <= freshBefore * 1.25 + 2_000,
  `p95 freshness ${seconds(freshAfter)} at the end, ${seconds(freshBefore)} at the start`,
)

const judged = series.flatMap((one) => judge(one) ?? [])
for (const { name, unit, from, to, limit, grew } of judged)
  hold(!grew, `${name}: ${round(from)} ${unit} -> ${round(to)} ${unit}, at most ${round(limit)}`)
for (const what of ['api', 'worker', 'bus', 'all'])
  hold(
    judged.some(({ name }) => name.startsWith(`${what} `)),
    `${what}: it could be seen long enough`,
  )

await settleFiles()
await ledger(sent)
const lost = wrong.length
say(
  `soak: seed ${luck.seed}, ${minutes} minutes, ${sent} events, ${Object.values(told).reduce((sum, of) => sum + of, 0)} faults ${JSON.stringify(told)}: ` +
    (lost === 0 ? 'nothing leaked, lost or doubled' : `${lost} not as it should be: ${wrong.join('; ')}`),
)
process.exitCode = lost === 0 ? 0 : 1

/** Every accepted event of every tenant is one row: as many rows as ids as numbers, the last one is there. */
async function account({ accepted }: LoadState): Promise<void> {
  const missing: string[] = []
  for (const [at, place] of places.entries()) {
    const wanted = accepted[at] ?? 0
    const isThere = (found: Awaited<ReturnType<Books['rowsOf']>>): boolean => found.rows >= wanted
    await until('every event to be a row', async () => isThere(await books.rowsOf(place)), 60_000, 1_000).catch(
      () => undefined,
    )
    const found = await books.rowsOf(place)
    const right = found.rows === wanted && found.ids === wanted && found.numbers === wanted && found.last === wanted - 1
    if (!right) missing.push(`${place.tenantSlug}: ${wanted} accepted, ${JSON.stringify(found)}`)
  }
  hold(missing.length === 0, `every accepted event is one row ${missing.slice(0, 3).join('; ')}`)
  const [letters] = await books.ask<{ count: string }>('SELECT count(*) FROM dead_letters')
  hold(letters?.count === '0', `${letters?.count} dead letters`)
}

/** What died left intents: they are made old, as a quarter of an hour would, and then every file is known and reached. */
async function settleFiles(): Promise<void> {
  const before = await books.orphans(places)
  hold(
    before.orphans.length === 0,
    `${before.files} files, of which ${before.waiting} wait to be deleted, ${before.orphans.length} are orphans ${before.orphans[0] ?? ''}`,
  )
  await books.ask(`UPDATE flush_intents SET started_at = started_at - interval '16 minutes'`)
  const after = await until(
    'every file that nothing reaches to be gone',
    async () => {
      const found = await books.orphans(places)
      return found.waiting === 0 && found
    },
    300_000,
    5_000,
  ).catch(() => books.orphans(places))
  hold(
    after.waiting === 0 && after.orphans.length === 0,
    `${after.files} files in the end, each reached; ${after.waiting} waited for, ${after.orphans.length} orphans`,
  )
  const [left] = await books.ask<{ intents: string; expired: string }>(
    'SELECT (SELECT count(*) FROM flush_intents) AS intents, (SELECT count(*) FROM expired_files) AS expired',
  )
  hold(
    Number(left?.intents) === 0 && Number(left?.expired) === 0,
    `${left?.intents} intents and ${left?.expired} expired files are left`,
  )
}

/** The bus holds what is younger than its retention, and the ledger what is inside its window. */
async function ledger(rows: number): Promise<void> {
  const busMiB = bytesBelow(join(system.dataDir, 'bus')) / 2 ** 20
  const [kept] = await books.ask<{ parts: string; ids: string; bytes: string }>(
    `SELECT (SELECT count(*) FROM ledger_epochs) AS parts, (SELECT count(*) FROM processed_event_ids) AS ids,
       (SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'processed_event_ids'::regclass) AS bytes`,
  )
  const ids = Number(kept?.ids)
  hold(Number(kept?.parts) <= 2, `${kept?.parts} parts of the ledger`)
  hold(ids < rows, `${ids} ids in the ledger, of ${rows} rows: what is past the window is gone`)
  hold(Number(kept?.bytes) <= ids * 160 + 2 ** 20, `${Math.round(Number(kept?.bytes) / ids)} bytes an id`)
  // Deleted by whole files, and only once a mark of that age was taken: minutes of the load stay.
  const mostMiB = 64 + (Number(values.events) * 600 * 300) / 2 ** 20
  hold(busMiB <= mostMiB, `${Math.round(busMiB)} MiB on the bus, at most ${Math.round(mostMiB)}`)
  const { body } = await call(system.baseUrl, 'GET', '/ready')
  hold(body['status'] === 'ready', `the system is ${String(body['status'])}`)
}

function round(value: number): string {
  return value >= 100 ? String(Math.round(value)) : value.toFixed(1)
}
