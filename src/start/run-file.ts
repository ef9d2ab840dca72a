import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { identify } from '../store/index.ts'
import { writeSynced } from './data-dir.ts'

/** `run.json` in the data folder: what runs. Also what the next start looks for when this one was killed. */
export interface RunFile {
  /** The supervisor. */
  readonly pid: number
  readonly began: string
  readonly startedAt: string
  readonly processes: readonly RunningProcess[]
}

export interface RunningProcess {
  readonly name: 'postgres' | 'bus' | 'api' | 'worker' | 'canary'
  readonly pid: number
  /** When the process began, as the system says it: a later process of the same number is another one. */
  readonly began: string
  /** The port that matters most: the API's, the worker's health port, the canary's metrics. */
  readonly port: number
  /** All of them by name, where there are several. */
  readonly ports: Readonly<Record<string, number>>
}

const pathOf = (dataDir: string): string => join(dataDir, 'run.json')

export async function readRunFile(dataDir: string): Promise<RunFile | undefined> {
  try {
    return JSON.parse(await readFile(pathOf(dataDir), 'utf8')) as RunFile
  } catch {
    return undefined // none, or one that a crash cut short: nothing is known
  }
}

/** The same, but only while its supervisor lives. */
export async function readLiveRunFile(dataDir: string): Promise<RunFile | undefined> {
  const run = await readRunFile(dataDir)
  return run !== undefined && identify(run.pid)?.began === run.began ? run : undefined
}

/** Keeps the file true while things start, end and start again. */
interface RunRecord {
  note(name: RunningProcess['name'], pid: number, port: number, ports: Readonly<Record<string, number>>): void
  of(name: RunningProcess['name']): RunningProcess | undefined
  all(): readonly RunningProcess[]
  /** Resolves when what was noted so far is in the file. */
  written(): Promise<void>
  /** Removes the file: nothing runs any more. */
  close(): Promise<void>
}

/** A record of this process and what it runs; `say` hears when the file cannot be written. */
export function openRunRecord(dataDir: string, say: (line: string) => void): RunRecord {
  const processes = new Map<RunningProcess['name'], RunningProcess>()
  const began = identify(process.pid)?.began ?? ''
  const startedAt = new Date().toISOString()
  let writing = Promise.resolve()
  return {
    note(name, pid, port, ports) {
      const identity = identify(pid)
      if (identity === undefined) return // gone already: whoever watches it will note its successor
      processes.set(name, { name, pid, began: identity.began, port, ports })
      const run: RunFile = { pid: process.pid, began, startedAt, processes: [...processes.values()] }
      writing = writing
        .then(() => writeSynced(pathOf(dataDir), `${JSON.stringify(run, undefined, 2)}\n`, 0o644))
        .catch((error: unknown) => say(`run.json cannot be written: ${(error as Error).message}`))
    },
    of: (name) => processes.get(name),
    all: () => [...processes.values()],
    written: () => writing,
    async close() {
      await writing
      await rm(pathOf(dataDir), { force: true })
    },
  }
}
