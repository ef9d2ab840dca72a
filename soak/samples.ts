import { readFileSync, readdirSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { rssMiBOf } from '../bench/proc.ts'
import { readExposition } from '../test/kit/exposition.ts'
import type { Member, System } from '../test/kit/system.ts'
import type { Books } from './books.ts'
import type { Series } from './judge.ts'

const MEMBERS = ['api', 'worker', 'bus', 'postgres'] as const satisfies readonly Member[]

/** How much a series may grow from its first third to its last. A process that lives through the soak is judged, whatever died before it. */
const ALLOWED: Readonly<Record<string, Pick<Series, 'allowed' | 'by' | 'unit'>>> = {
  // The heap is what is left after a collection; RSS also holds what the allocator keeps for the next burst.
  heap: { unit: 'MiB', by: 'least', allowed: { share: 0.25, plus: 24 } },
  memory: { unit: 'MiB', by: 'median', allowed: { share: 0.25, plus: 64 } },
  descriptors: { unit: '', by: 'median', allowed: { share: 0.1, plus: 12 } },
  connections: { unit: '', by: 'median', allowed: { share: 0.1, plus: 3 } },
  logs: { unit: 'MiB', by: 'median', allowed: { share: 0, plus: 80 } }, // 10 to 20 of each of four processes
  intents: { unit: '', by: 'median', allowed: { share: 0.5, plus: 150 } },
}

interface Recorder {
  /** Looks at everything once; what cannot be asked now (Postgres is being restarted) is left out. */
  look(atMs: number): Promise<void>
  /** Of what lives now, since it lives, the first `warmUpMs` left out. */
  series(warmUpMs: number): readonly Series[]
}

/** Keeps what is seen of each process by its id, so that one that was restarted begins anew. */
export function openRecorder(system: System, books: Books): Recorder {
  const seen = new Map<string, { what: string; samples: { atMs: number; value: number }[] }>()
  const note = (name: string, what: string, atMs: number, value: number | undefined): void => {
    if (value === undefined) return
    const own = seen.get(name) ?? { what, samples: [] }
    seen.set(name, own)
    own.samples.push({ atMs, value })
  }
  const current = (): string[] => MEMBERS.map((member) => `${member} ${system.pid(member) ?? 0}`)

  return {
    async look(atMs) {
      for (const member of MEMBERS) {
        const pid = system.pid(member)
        if (pid === undefined) continue
        const name = `${member} ${pid}`
        if (member !== 'postgres') note(`${name} memory`, 'memory', atMs, positive(rssMiBOf(pid)))
        note(`${name} descriptors`, 'descriptors', atMs, descriptorsOf(pid, Number(new URL(system.baseUrl).port)))
        if (member === 'api' || member === 'worker') note(`${name} heap`, 'heap', atMs, await heapOf(system, member))
      }
      note('all logs', 'logs', atMs, bytesBelow(join(system.dataDir, 'logs')) / 2 ** 20)
      const counted = await books
        .ask<{ connections: string; intents: string }>(
          `SELECT (SELECT count(*) FROM pg_stat_activity WHERE usename = 'pulse_app') AS connections,
                  (SELECT count(*) FROM flush_intents) AS intents`,
        )
        .catch(() => [])
      note('all connections', 'connections', atMs, numberOf(counted[0]?.connections))
      note('all intents', 'intents', atMs, numberOf(counted[0]?.intents))
    },
    series(warmUpMs) {
      const alive = current()
      return [...seen].flatMap(([name, { what, samples }]): Series[] => {
        const rules = ALLOWED[what]
        const since = samples[0]?.atMs ?? 0
        if (rules === undefined || !(name.startsWith('all ') || alive.some((one) => name.startsWith(`${one} `))))
          return []
        return [{ name, ...rules, samples: samples.filter(({ atMs }) => atMs >= since + warmUpMs) }]
      })
    },
  }
}

const positive = (value: number): number | undefined => (value > 0 ? value : undefined)
const numberOf = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text))

/**
 * What a process has open, without the connections that clients keep to the API's port: how many those are is the clients' choice,
 * and after an outage it is more. One that its client has closed and the API has not is counted.
 */
function descriptorsOf(pid: number, port: number): number | undefined {
  try {
    const clients = clientSockets(pid, port)
    const folder = `/proc/${pid}/fd`
    return readdirSync(folder).filter((fd) => !clients.has(linkOf(join(folder, fd)))).length
  } catch {
    return undefined // it ended
  }
}

const ESTABLISHED = '01'

/** The connections that somebody has to a port, as `socket:[inode]`; proc_pid_net(5): local address, remote address, state, …, inode. */
function clientSockets(pid: number, port: number): ReadonlySet<string> {
  const found = new Set<string>()
  const end = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  for (const table of ['tcp', 'tcp6']) {
    for (const line of readFileSync(`/proc/${pid}/net/${table}`, 'utf8').split('\n').slice(1)) {
      const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/)
      if (local.endsWith(end) && state === ESTABLISHED) found.add(`socket:[${inode}]`)
    }
  }
  return found
}

/** Empty where it was closed meanwhile. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

async function heapOf(system: System, member: 'api' | 'worker'): Promise<number | undefined> {
  const url =
    member === 'api'
      ? `${system.baseUrl}/metrics/`
      : `http://127.0.0.1:${system.env['PULSE_WORKER_METRICS_PORT']}/metrics`
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) })
    const bytes = readExposition(await answer.text()).get('nodejs_heap_size_used_bytes')?.samples[0]?.value
    return bytes === undefined ? undefined : bytes / 2 ** 20
  } catch {
    return undefined // it is stopped or being restarted
  }
}

/** What a folder's files take, in bytes. */
export function bytesBelow(folder: string): number {
  let bytes = 0
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    bytes += statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0
  }
  return bytes
}
