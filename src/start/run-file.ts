import { readFile } from 'node:fs/promises'
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
  readonly name: 'postgres' | 'bus' | 'api' | 'worker'
  readonly pid: number
  /** When the process began, as the system says it: a later process of the same number is another one. */
  readonly began: string
  /** The port that matters most: the API's, the worker's health port. */
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

export const writeRunFile = (dataDir: string, run: RunFile): Promise<void> =>
  writeSynced(pathOf(dataDir), `${JSON.stringify(run, undefined, 2)}\n`, 0o644)

/** Describes a process for the file; `undefined` when it is gone already. */
export function describe(
  name: RunningProcess['name'],
  pid: number,
  port: number,
  ports: Readonly<Record<string, number>>,
): RunningProcess | undefined {
  const identity = identify(pid)
  return identity === undefined ? undefined : { name, pid, began: identity.began, port, ports }
}
