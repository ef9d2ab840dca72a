import { setTimeout as sleep } from 'node:timers/promises'
import { startSecondWorker } from '../test/kit/second-worker.ts'
import type { Chance } from '../test/kit/seed.ts'
import type { Member, System } from '../test/kit/system.ts'
import { until } from '../test/kit/until.ts'

/**
 * One fault a minute, from a seed. Processes are killed in the first third, Postgres and the bus until two thirds; after that
 * everybody is only stopped for a while, or joined by a second worker that dies: who lives that long can be seen to grow.
 */
const KINDS = {
  'kill -9 api': 'first',
  'kill -9 worker': 'first',
  'kill -9 of everything': 'first',
  'kill -9 postgres': 'second',
  'kill -9 bus': 'second',
  'worker stopped beyond its lease': 'last',
  'api stopped for a while': 'last',
  'bus stopped for a while': 'last',
  'postgres stopped for a while': 'last',
  'a second worker joins and is killed': 'last',
} as const
type FaultKind = keyof typeof KINDS

const THIRDS = ['first', 'second', 'last']

/** What happens in each minute. The first third has what it alone may have, the second too: no kind is left to chance. */
export function faultsOf(minutes: number, luck: Chance): readonly FaultKind[] {
  const used = new Set<FaultKind>()
  return Array.from({ length: minutes }, (_, minute) => {
    const third = Math.min(2, Math.floor((minute * 3) / minutes))
    const kinds = (Object.keys(KINDS) as FaultKind[]).filter((kind) => THIRDS.indexOf(KINDS[kind]) >= third)
    const own = kinds.filter((kind) => KINDS[kind] === THIRDS[third])
    const fresh = own.filter((kind) => !used.has(kind))
    const kind = luck.pick(fresh.length > 0 ? fresh : kinds)
    used.add(kind)
    return kind
  })
}

/** Does it, and resolves when the fault itself is over; who was killed comes back by itself. */
export async function inject(system: System, kind: FaultKind, luck: Chance): Promise<void> {
  switch (kind) {
    case 'kill -9 of everything':
      await system.kill9All()
      return system.start()
    case 'kill -9 api':
    case 'kill -9 worker':
    case 'kill -9 postgres':
    case 'kill -9 bus': {
      const member = kind.slice('kill -9 '.length) as Member
      await until(`${member} to run`, () => system.pid(member))
      return system.kill9(member)
    }
    case 'worker stopped beyond its lease':
      return stopped(system, 'worker', luck.between(8_000, 12_000))
    case 'api stopped for a while':
      return stopped(system, 'api', luck.between(1_000, 6_000))
    case 'bus stopped for a while':
      return stopped(system, 'bus', luck.between(1_000, 7_000))
    case 'postgres stopped for a while':
      return stopped(system, 'postgres', luck.between(1_000, 7_000))
    case 'a second worker joins and is killed':
      return joined(system, luck)
  }
}

async function stopped(system: System, member: Member, ms: number): Promise<void> {
  const pid = await until(`${member} to run`, () => system.pid(member))
  process.kill(pid, 'SIGSTOP')
  await sleep(ms)
  process.kill(pid, 'SIGCONT')
}

async function joined(system: System, luck: Chance): Promise<void> {
  const { program } = await startSecondWorker(system)
  await sleep(luck.between(1_000, 12_000))
  await program.kill()
}
