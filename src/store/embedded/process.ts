import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** What tells one process from a later one of the same number. */
interface ProcessIdentity {
  readonly pid: number
  /** When it began, as the system says it: only to be compared. */
  readonly began: string
  readonly command: string
}

/** Who has this process id now; `undefined` when nobody does, or only a zombie that waits to be collected. */
export function identify(pid: number): ProcessIdentity | undefined {
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined
  return process.platform === 'linux' ? fromProc(pid) : fromPs(pid)
}

function fromProc(pid: number): ProcessIdentity | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // proc_pid_stat(5): the name in parentheses may hold anything; field 3 is the state, 22 the start in ticks since boot.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const began = fields[19]
    if (fields[0] === 'Z' || fields[0] === 'X' || began === undefined) return undefined
    return { pid, began, command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim() }
  } catch {
    return undefined
  }
}

function fromPs(pid: number): ProcessIdentity | undefined {
  const said = spawnSync('ps', ['-o', 'lstart=,stat=,command=', '-p', String(pid)], {
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
  }).stdout
  const parts = /^\s*(\S+ +\S+ +\d+ +[\d:]+ +\d{4}) +(\S+) +(.*)$/m.exec(said)
  if (parts === null || parts[2]?.startsWith('Z') === true) return undefined
  return { pid, began: parts[1] ?? '', command: parts[3] ?? '' }
}

/** Whether somebody has this process id now, a zombie that waits to be collected too. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Not ours to signal, but there.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
