import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SYNC_FAILS_FILE, TROUBLE_FILE } from './orders.ts'
import type { Trouble } from './trouble.ts'
import type { Fault, World } from './world.ts'

/** As long as it lasts, an order of this name stands in the folder. */
async function ordered(world: World, name: string, text: string, ms: number): Promise<void> {
  const path = join(world.orders, name)
  // Never half written: somebody reads it every ten milliseconds.
  writeFileSync(`${path}.new`, text)
  renameSync(`${path}.new`, path)
  try {
    await sleep(ms)
  } finally {
    rmSync(path, { force: true })
  }
}

const trouble =
  (member: 'api' | 'bus', what: Omit<Trouble, 'seed'>, low: number, high: number): Fault =>
  (world, luck) =>
    ordered(
      world,
      `${TROUBLE_FILE}.${member}`,
      JSON.stringify({ seed: luck.between(0, 2 ** 31), ...what }),
      luck.between(low, high),
    )

const ofMember = (member: 'api' | 'bus', name: string): Readonly<Record<string, Fault>> => ({
  [`answers of the ${name} are lost`]: trouble(member, { lost: 0.3 }, 300, 1_500),
  [`answers of the ${name} are torn`]: trouble(member, { torn: 0.3 }, 300, 1_500),
  [`connections of the ${name} are cut`]: trouble(member, { cut: 0.05 }, 300, 1_500),
  [`the ${name} forgets its connections`]: trouble(member, { cut: 1 }, 30, 60),
  [`the ${name} is slow`]: trouble(member, { delayMs: 400 }, 300, 2_000),
})

/** What wires and disks do to the two processes that others talk to, while these themselves stay alive. */
export const WIRE_FAULTS: Readonly<Record<string, Fault>> = {
  ...ofMember('api', 'api'),
  ...ofMember('bus', 'bus'),
  // A failed sync is final for the bus (it may not believe the next one either), so that somebody starts it again.
  'the bus refuses what it cannot sync': async (world, luck) => {
    await ordered(world, `${SYNC_FAILS_FILE}.bus`, '', luck.between(100, 800))
    const hasFailed = existsSync(join(world.orders, `${SYNC_FAILS_FILE}.bus.did`))
    rmSync(join(world.orders, `${SYNC_FAILS_FILE}.bus.did`), { force: true })
    world.system.kill9('bus')
    return hasFailed
  },
}
