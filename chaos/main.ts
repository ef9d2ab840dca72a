import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { openBus } from '../src/bus/index.ts'
import { openBooks } from '../soak/books.ts'
import { addDataset, makePlace, type Place } from '../test/kit/api.ts'
import { anySeed, chance } from '../test/kit/seed.ts'
import { balance } from './account.ts'
import { holdings, settled, whereabouts } from './audit.ts'
import { send, type Sent } from './clients.ts'
import { finish } from './finish.ts'
import { faultsFrom, faultsOn } from './faults.ts'
import { openProgress } from './progress.ts'
import { SABOTAGES, sabotage, type Sabotage } from './sabotage.ts'
import { openWorld } from './world.ts'

/**
 * `npm run chaos -- --runs N --seed S`: a whole system of real processes, clients that retry, and faults from a seed; after each run
 * everything that was sent is accounted for. The last line says what was found; the exit code is 0 only where nothing was.
 */
const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '10' },
    seed: { type: 'string' },
    /** Faults of a run. */
    faults: { type: 'string', default: '8' },
    /** One fault again and again, to look at it. */
    only: { type: 'string' },
    /** Where the campaign stands: an interrupted one goes on from there. */
    state: { type: 'string' },
    places: { type: 'string', default: 'embedded' },
    sabotage: { type: 'string' },
    /** A program that checks the files of a table strictly (./checker.ts). */
    checker: { type: 'string' },
  },
})
const PARTITIONS = 3
const SETTLE_MS = 90_000
const DEFINITION = {
  type: 'object',
  properties: { timestamp: { type: 'string', format: 'date-time' }, n: { type: 'integer' } },
  required: ['timestamp', 'n'],
}
const say = (text: string): void => void process.stdout.write(`${text}\n`)

const off = values.sabotage as Sabotage | undefined
if (off !== undefined && !SABOTAGES.includes(off)) throw new Error(`--sabotage must be one of ${SABOTAGES.join(', ')}`)
const { places: on } = values
if (on !== 'embedded' && on !== 'real') throw new Error('--places must be embedded or real')
const FAULTS = faultsOn(on)
if (values.only !== undefined && FAULTS[values.only] === undefined)
  throw new Error(`--only must be one of: ${Object.keys(FAULTS).join(', ')}`)

const progress = await openProgress(values.state, values.seed === undefined ? anySeed() : Number(values.seed))
const { seed } = progress
say(`chaos: seed ${seed}, runs ${progress.done + 1} to ${values.runs}${off === undefined ? '' : `, without ${off}`}`)

await using world = await openWorld({ places: on, ...(off === undefined ? {} : { sabotage: off }) })
const { system } = world
await using books = openBooks(system)
if (off !== undefined) await sabotage(books, off)
await using bus = openBus({
  brokers: [`127.0.0.1:${system.port('bus')}`],
  clientId: 'chaos',
  publishTimeoutMs: 2_000,
})
await using publisher = bus.publisher()

let last: readonly Place[] = []
for (let run = progress.done + 1; run <= Number(values.runs); run += 1) {
  const found = await oneRun(run).catch((error: unknown) => ({
    faults: {},
    lost: 0,
    doubled: 0,
    wrong: [error instanceof Error ? error.message : String(error)],
  }))
  await progress.add(found)
  // The seed of a run is the campaign's and its number: `--seed S --runs N` comes by it again.
  if (found.lost + found.doubled + found.wrong.length === 0) continue
  say(`     what is left of it is in ${world.keep()}`)
  break
}

if (progress.sum().lost + progress.sum().doubled + progress.sum().wrong.length === 0 && last.length > 0) {
  const wrong = await finish(world, books, last).catch((error: unknown) => [String(error)])
  progress.blame(wrong)
}
const { runs, faults, lost, doubled, wrong } = progress.sum()
for (const sentence of wrong.slice(0, 10)) say(`BAD  ${sentence}`)
for (const [name, count] of Object.entries(faults).toSorted()) say(`     ${String(count).padStart(4)} ${name}`)
if (on === 'embedded' && world.disk === undefined) say('     no full disk: mounting a small one needs root')
const total = Object.values(faults).reduce((sum, count) => sum + count, 0)
say(
  `chaos: seed ${seed}, ${runs} runs, ${total} faults, ${lost} lost, ${doubled} doubled${wrong.length === 0 ? '' : `, ${wrong.length} otherwise wrong`}`,
)
process.exitCode = lost + doubled + wrong.length === 0 ? 0 : 1

async function oneRun(run: number) {
  const luck = chance((seed + run * 7_919) | 0)
  const began = performance.now()
  const place = await makePlace(system.baseUrl, DEFINITION)
  const places = [place, { ...place, ...(await addDataset(system.baseUrl, place.tenantId, DEFINITION, 'second')) }]
  last = places
  const sent: Sent = { ids: new Map(), acknowledged: new Set(), cut: 0, requests: 0, wrong: [] }
  const target = {
    baseUrl: system.baseUrl,
    tenantId: place.tenantId,
    datasets: places.map(({ dataset, datasetId }) => ({ slug: dataset, id: datasetId })),
    publisher,
  }
  const stop = new AbortController()
  const sending = send(target, chance(luck.between(0, 2 ** 31)), sent, stop.signal)
  const faults: Record<string, number> = {}
  const names = faultsFrom(luck, FAULTS)
  try {
    for (let left = Number(values.faults); left > 0; left -= 1) {
      await sleep(luck.between(50, 900))
      const name = values.only ?? names.next().value
      const outcome = await FAULTS[name]?.(world, luck)
      if (outcome !== false) faults[name] = (faults[name] ?? 0) + 1
    }
    await sleep(300)
  } finally {
    stop.abort()
    await world.heal()
    await sending
  }
  const audited = { system, books, admin: bus.admin, places, partitions: PARTITIONS }
  const records = await settled(audited, SETTLE_MS)
  const { lost, doubled, wrong } = balance(sent, await holdings(audited, records, values.checker))
  if (lost.length > 0) {
    await using reader = bus.reader()
    const where = await whereabouts({ ...audited, reader }, new Set(lost))
    await writeFile(join(world.orders, 'lost.txt'), `${where.join('\n')}\n`)
  }
  const seconds = ((performance.now() - began) / 1_000).toFixed(1)
  const what = Object.entries(faults).map(([name, count]) => (count === 1 ? name : `${count}x ${name}`))
  say(
    `run ${run}: ${sent.acknowledged.size} of ${sent.ids.size} ids acknowledged, ${records} records, ${sent.cut} of ${sent.requests} requests cut off, ${lost.length} lost, ${doubled.length} doubled ` +
      `${wrong.length === 0 ? '' : `, ${wrong.length} otherwise wrong `}(${seconds} s): ${what.join(', ')}`,
  )
  return { faults, lost: lost.length, doubled: doubled.length, wrong }
}
