import { spawnSync } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { EmbeddedRefused } from './binaries.ts'

const STOP_WAIT_MS = 10_000
const KILL_WAIT_MS = 5_000

/** The command line of a live process; `undefined` when there is none. */
async function commandOf(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') {
    return readFile(`/proc/${pid}/cmdline`, 'utf8').then((text) => (text === '' ? undefined : text.replaceAll('\0', ' ').trim()), () => undefined)
  }
  const said = spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim()
  return said === '' ? undefined : said
}

/**
 * Ends a server that an earlier start left on `cluster`, and removes a `postmaster.pid` whose
 * process is gone: PostgreSQL itself would be fooled by an unrelated process of that number. Only a
 * process whose command line names this very folder is signalled.
 */
export async function endLeftover(cluster: string): Promise<void> {
  const pidFile = join(cluster, 'postmaster.pid')
  const first = await readFile(pidFile, 'utf8').then((text) => text.split('\n')[0], () => undefined)
  if (first === undefined) return
  const pid = Number(first)
  const isOurs = async (): Promise<boolean> => (await commandOf(pid))?.includes(cluster) === true
  for (const [signal, waitMs] of [['SIGINT', STOP_WAIT_MS], ['SIGQUIT', KILL_WAIT_MS], ['SIGKILL', KILL_WAIT_MS]] as const) {
    if (!(await isOurs())) {
      await rm(pidFile, { force: true })
      return
    }
    try {
      process.kill(pid, signal)
    } catch {
      // gone, or not ours to signal: the next look decides
    }
    for (const until = Date.now() + waitMs; Date.now() < until && (await isOurs()); ) await delay(25)
  }
  if (await isOurs()) throw new EmbeddedRefused(`An old PostgreSQL (process ${pid}) on ${cluster} cannot be stopped: end it, then start again.`)
  await rm(pidFile, { force: true })
}
