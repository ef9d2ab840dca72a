import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { EmbeddedRefused } from './binaries.ts'
import { identify } from './process.ts'

const STEPS = [
  ['SIGINT', 10_000],
  ['SIGQUIT', 5_000],
  ['SIGKILL', 5_000],
] as const

/** The server's own process id, from the file that it keeps in its folder. */
export async function postmasterOf(cluster: string): Promise<number | undefined> {
  const first = await readFile(join(cluster, 'postmaster.pid'), 'utf8').then(
    (text) => Number(text.split('\n')[0]),
    () => undefined,
  )
  return first !== undefined && first > 0 ? first : undefined
}

/**
 * Ends a server that an earlier start left on `cluster`, and removes a `postmaster.pid` whose
 * process is gone: PostgreSQL itself would be fooled by an unrelated process of that number. Only a
 * process whose command line names this very folder is signalled.
 */
export async function endLeftover(cluster: string): Promise<void> {
  const pid = await postmasterOf(cluster)
  if (pid === undefined) return
  const isOurs = (): boolean => identify(pid)?.command.includes(cluster) === true
  for (const [signal, waitMs] of STEPS) {
    if (!isOurs()) break
    try {
      process.kill(pid, signal)
    } catch {
      // gone, or not ours to signal: the next look decides
    }
    for (const until = performance.now() + waitMs; performance.now() < until && isOurs();) await delay(25)
  }
  if (isOurs())
    throw new EmbeddedRefused(
      `An old PostgreSQL (process ${pid}) on ${cluster} cannot be stopped: end it, then start again.`,
    )
  await rm(join(cluster, 'postmaster.pid'), { force: true })
}
