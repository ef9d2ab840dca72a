import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { join } from 'node:path'
import type { Chance } from '../test/kit/seed.ts'
import type { Member } from '../test/kit/system.ts'
import { until } from '../test/kit/until.ts'
import { STEP_FILE, STEPS } from './orders.ts'
import { cutPower } from './power.ts'
import { ENGINE_FAULTS } from './real.ts'
import { WIRE_FAULTS } from './wires.ts'
import type { Fault, World } from './world.ts'

/** Longer than the lease of two seconds: who sleeps so long believes that it still owns what others own by now. */
const BEYOND_LEASE_MS = [2_300, 4_000] as const

const kill =
  (member: Member): Fault =>
  async ({ system }) => {
    await until(`${member} to run`, () => system.pid(member))
    system.kill9(member)
  }

/** Whether it was there: another fault may have been faster. */
function signal(pid: number | undefined, name: 'SIGSTOP' | 'SIGCONT'): boolean {
  if (pid === undefined) return false
  try {
    return process.kill(pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    return false
  }
}

/** SIGSTOP for a while: a process that hangs, with its connections open. */
async function hold(pid: number | undefined, ms: number): Promise<void> {
  if (!signal(pid, 'SIGSTOP')) return
  await sleep(ms)
  signal(pid, 'SIGCONT')
}
const held =
  (member: Member, low: number, high: number): Fault =>
  ({ system }, luck) =>
    hold(system.pid(member), luck.between(low, high))

const atStep =
  (step: string): Fault =>
  async (world, luck) => {
    const process = luck.pick(['worker', 'second'] as const)
    const before = process === 'worker' ? world.system.pid('worker') : world.secondPid()
    world.orderStep(process, step)
    const isOver = (): boolean => before !== (process === 'worker' ? world.system.pid('worker') : world.secondPid())
    // A worker without a share never comes by: then it was no fault, and it is not counted.
    const died = await until(`a death at ${step}`, isOver, 6_000, 25).catch(() => false)
    world.orderStep(process, undefined)
    if (process === 'second' && died) await world.restartSecond('SIGKILL')
    return died
  }

/** It has decided what to commit, and wakes when somebody else owns what it owned: only Postgres can refuse it. */
const sleepsAt =
  (step: string): Fault =>
  async (world, luck) => {
    const process = luck.pick(['worker', 'second'] as const)
    const pid = process === 'worker' ? world.system.pid('worker') : world.secondPid()
    const order = join(world.orders, `${STEP_FILE}.${process}`)
    world.orderStep(process, `${step} SIGSTOP`)
    const asleep = await until(`a sleep at ${step}`, () => !existsSync(order), 6_000, 25).catch(() => false)
    world.orderStep(process, undefined)
    if (asleep) await sleep(luck.between(...BEYOND_LEASE_MS))
    signal(pid, 'SIGCONT')
    return asleep
  }

/** Everything that can be done to a system on embedded places, by name; each resolves when it is over, `false` where it could not be done. */
const FAULTS: Readonly<Record<string, Fault>> = {
  'kill -9 api': kill('api'),
  'kill -9 worker': kill('worker'),
  'kill -9 bus': kill('bus'),
  'kill -9 postgres': kill('postgres'),
  'kill -9 second worker': ({ restartSecond }) => restartSecond('SIGKILL'),
  'second worker leaves and comes back': ({ restartSecond }) => restartSecond('SIGTERM'),
  'kill -9 of everything': async ({ system }) => {
    await system.kill9All()
    await system.start()
  },
  'power cut': async (world) => {
    await world.system.kill9All()
    const second = world.secondPid()
    if (second !== undefined) process.kill(second, 'SIGKILL')
    await until('the second worker to be dead', () => world.secondPid() === undefined)
    await cutPower(world.orders, [join(world.system.env['PULSE_DATA_DIR'] ?? '', 'bus'), world.warehouse])
    await world.system.start()
    await world.restartSecond('SIGKILL')
  },
  'worker sleeps beyond its lease': held('worker', ...BEYOND_LEASE_MS),
  'second worker sleeps beyond its lease': (world, luck) => hold(world.secondPid(), luck.between(...BEYOND_LEASE_MS)),
  'api hangs': held('api', 200, 1_500),
  'bus hangs': held('bus', 200, 3_000),
  'postgres hangs': held('postgres', 200, 3_000),
  'a commit is lost on its way': (world) => cutOne(world, 'request'),
  'the answer to a commit is lost': (world) => cutOne(world, 'answer'),
  'postgres is away for one worker': async ({ proxy }, luck) => {
    proxy.away(true)
    await sleep(luck.between(200, 3_000))
    proxy.away(false)
  },
  'postgres swallows what one worker says': async ({ proxy }, luck) => {
    proxy.swallow(true)
    await sleep(luck.between(200, 3_000))
    proxy.swallow(false)
  },
  'the disk of the lake is full': async ({ disk }, luck) => {
    if (disk === undefined) return false
    await disk.fill()
    await sleep(luck.between(300, 2_000))
    return disk.relieve()
  },
  'all clocks jump': async ({ orderClock }, luck) => {
    orderClock(luck.pick([-86_400_000, -3_600_000, -5_000, 5_000, 3_600_000, 86_400_000]))
    await sleep(luck.between(500, 2_000))
    orderClock(0)
  },
  'a worker sleeps beyond its lease before it commits': sleepsAt('flush.before_commit'),
  ...WIRE_FAULTS,
  ...Object.fromEntries(STEPS.map((step) => [`kill -9 of a worker at ${step}`, atStep(step)])),
}

async function cutOne({ proxy }: World, what: 'request' | 'answer'): Promise<boolean> {
  const before = proxy.cuts
  proxy.cutNext(what)
  return until('a commit to be cut', () => proxy.cuts > before, 5_000, 25).catch(() => false)
}

/** Done to what is embedded: real engines have their own. */
const OF_EMBEDDED =
  /^kill -9 (bus|postgres)$|^the bus |^(bus|postgres) hangs|^power cut|of the bus are |^the disk of the lake/

/** The same for a system on real engines. */
const REAL_FAULTS: Readonly<Record<string, Fault>> = {
  ...Object.fromEntries(Object.entries(FAULTS).filter(([name]) => !OF_EMBEDDED.test(name))),
  ...ENGINE_FAULTS,
}

export const faultsOn = (places: 'embedded' | 'real'): Readonly<Record<string, Fault>> =>
  places === 'real' ? REAL_FAULTS : FAULTS

/** Names of faults in an order that follows from the seed: each as often as any other, a power cut and a kill at each step among them. */
export function* faultsFrom(luck: Chance, faults: Readonly<Record<string, Fault>>): Generator<string, never> {
  for (;;) {
    const rest = Object.keys(faults)
    while (rest.length > 0) yield rest.splice(luck.between(0, rest.length - 1), 1)[0] as string
  }
}
