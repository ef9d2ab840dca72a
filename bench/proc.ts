import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** What Linux's own accounting says about processes: the figures to trust on a shared machine. */

const TICK_MS = 1_000 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

function statOf(pid: number): { parent: number; cpuMs: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    const [utime, stime, cutime, cstime] = [11, 12, 13, 14].map((at) => Number(fields[at]))
    return {
      parent: Number(fields[1]),
      cpuMs: ((utime ?? 0) + (stime ?? 0) + (cutime ?? 0) + (cstime ?? 0)) * TICK_MS,
    }
  } catch {
    return undefined
  }
}

/** The process and all below it. */
function familyOf(pid: number): number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = statOf(Number(name))
    if (stat !== undefined) parents.set(Number(name), stat.parent)
  }
  const family = [pid]
  for (const member of family) for (const [child, parent] of parents) if (parent === member) family.push(child)
  return family
}

/** CPU milliseconds used so far by the process and its family. */
export const cpuMsOf = (pid: number): number =>
  familyOf(pid).reduce((sum, member) => sum + (statOf(member)?.cpuMs ?? 0), 0)

function memoryOf(pid: number, key: 'VmRSS' | 'VmHWM' | 'RssAnon' | 'RssShmem' | 'RssFile'): number {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Number(new RegExp(`${key}:\\s+(\\d+)`).exec(text)?.[1] ?? 0) / 1_024
  } catch {
    return 0
  }
}
export const rssMiBOf = (pid: number): number => memoryOf(pid, 'VmRSS')
export const peakMiBOf = (pid: number): number => memoryOf(pid, 'VmHWM')

/**
 * Memory of a family in MiB as PSS: pages that several processes share are counted once, which RSS
 * would count for each of Postgres's backends.
 */
export function pssMiBOf(pid: number): number {
  return familyOf(pid).reduce((sum, member) => {
    try {
      const text = readFileSync(`/proc/${member}/smaps_rollup`, 'utf8')
      return sum + Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0) / 1_024
    } catch {
      return sum
    }
  }, 0)
}

/** Pins the family, every thread of it, to one core. */
export function pin(pid: number, core: string): void {
  for (const member of familyOf(pid)) {
    try {
      execFileSync('taskset', ['-apc', core, String(member)], { stdio: 'ignore' })
    } catch {
      // A process that ended meanwhile needs no pinning.
    }
  }
}
