import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { cpuMsOf } from './proc.ts'

/** Starts a script of this folder on a core of its own and reads the JSON lines that it prints. */

const here = (script: string) => join(import.meta.dirname, script)

interface Running {
  readonly child: ChildProcess
  readonly first: Promise<Record<string, unknown>>
  readonly end: Promise<Record<string, unknown>>
}

export function runOn(core: string, script: string, args: readonly string[]): Running {
  const child = spawn('taskset', ['-c', core, process.execPath, here(script), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let printed = ''
  let heard: (value: Record<string, unknown>) => void = () => {}
  const first = new Promise<Record<string, unknown>>((resolve) => (heard = resolve))
  child.stdout?.on('data', (chunk: Buffer) => {
    printed += chunk.toString()
    const line = printed.split('\n')[0]
    if (printed.includes('\n') && line !== undefined) heard(JSON.parse(line) as Record<string, unknown>)
  })
  const end = new Promise<Record<string, unknown>>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) resolve(JSON.parse(printed.trim().split('\n').at(-1) ?? '{}') as Record<string, unknown>)
      else reject(new Error(`${script} ${args.join(' ')} ended with ${code}.`))
    })
  })
  end.catch(() => {})
  return { child, first, end }
}

interface LoadResult {
  readonly sent: number
  readonly accepted: number
  readonly refused: number
  readonly lastRefusal: string
  readonly tookSeconds: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

interface LoadPlan {
  readonly core: string
  readonly port: number
  readonly tenant: string
  readonly dataset: string
  readonly connections: number
  readonly seconds: number
  readonly perRequest: number
  readonly total?: number
  readonly rate?: number
}

export async function load(plan: LoadPlan): Promise<LoadResult> {
  const { core, port, tenant, dataset, connections, seconds, perRequest, total = 0, rate = 0 } = plan
  const args = [port, tenant, dataset, connections, seconds, perRequest, total, rate].map(String)
  return (await runOn(core, 'load.ts', args).end) as unknown as LoadResult
}

/** CPU microseconds that each process used per event while `act` ran. */
export async function cpuPerEvent<T>(
  pids: Readonly<Record<string, number>>,
  act: () => Promise<T>,
  eventsOf: (result: T) => number,
): Promise<{ result: T; cpuUs: Record<string, number> }> {
  const before = Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, cpuMsOf(pid)]))
  const result = await act()
  const events = Math.max(1, eventsOf(result))
  const cpuUs = Object.fromEntries(
    Object.entries(pids).map(([name, pid]) => [name, ((cpuMsOf(pid) - (before[name] ?? 0)) * 1_000) / events]),
  )
  return { result, cpuUs }
}
