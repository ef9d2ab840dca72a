import { spawn, type ChildProcess } from 'node:child_process'
import { getCompileCacheDir } from 'node:module'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { environmentWith, type Environment } from '../config/index.ts'
import { signalGroup } from './leftovers.ts'
import { openLogFile, type LogFile } from './log-file.ts'
import { StartRefused } from './refused.ts'
import type { FromChild, ToChild } from './role.ts'

const MAIN = join(import.meta.dirname, '../main.ts')
/**
 * A batch's events live until the bus has acknowledged them: in the default 16 MiB the young generation is copied again
 * and again meanwhile (a sixth of the API's CPU at 500 events a request). With 32 MiB 8 % less CPU an event, in process.
 */
export const NODE_FLAGS: Readonly<Record<ChildOptions['name'], readonly string[]>> = {
  api: ['--max-semi-space-size=32'],
  worker: [],
  bus: [],
  // It holds a hundred events or so: what it makes beside them is cheaper collected than kept.
  canary: ['--max-semi-space-size=1'],
}
const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 5_000
/** A process that lived this long is healthy again: the next pause is the first one. */
const HEALTHY_MS = 30_000

interface ChildOptions {
  readonly name: 'api' | 'worker' | 'bus' | 'canary'
  readonly logPath: string
  /** Every line that the process writes, on either stream. */
  readonly onLine: (line: string) => void
  /** It ended although nobody asked it to, and starts again after a pause. */
  readonly onEnd: (how: string, pauseMs: number) => void
  /** It is ready, for the first time or again. */
  readonly onReady: (pid: number, ports: Readonly<Record<string, number>>) => void
}

export interface Child {
  /** The ports, when it is ready for the first time; throws `StartRefused` with what it said instead. */
  readonly ready: Promise<Readonly<Record<string, number>>>
  /** Hands over the settings; answers `ready`. */
  go(env: Environment): Promise<Readonly<Record<string, number>>>
  /** SIGTERM, and SIGKILL after `graceMs`, to the whole process group. Safe to repeat; no restart follows. */
  stop(graceMs: number): Promise<void>
}

/** Starts a role in a process and a process group of its own, and starts it again whenever it ends, with backoff. */
export function startChild(options: ChildOptions): Child {
  const log = openLogFile(options.logPath)
  let stopping = false
  let env: Environment | undefined
  let pauseMs = FIRST_PAUSE_MS
  let current = launch(options, log)
  const first = Promise.withResolvers<Readonly<Record<string, number>>>()
  first.promise.catch(() => {}) // whoever calls `go` hears it
  let wasReady = false

  const watch = (live: Launched): void => {
    live.child.on('message', (message: FromChild) => {
      if (message.kind === 'refused') {
        live.said = message.sentence
        return
      }
      wasReady = true
      // A port that was any free one stays the same for the rest of this start.
      env = { ...env, ...pinned(options.name, message.ports) }
      options.onReady(live.child.pid as number, message.ports)
      first.resolve(message.ports)
    })
    void live.ended.then(async (how) => {
      if (stopping) return
      if (!wasReady) {
        first.reject(
          new StartRefused(
            live.said ?? `The ${options.name} process ended (${how}) before it was ready: see ${options.logPath}.`,
          ),
        )
        return
      }
      if (performance.now() - live.bornMs > HEALTHY_MS) pauseMs = FIRST_PAUSE_MS
      options.onEnd(live.said ?? how, pauseMs)
      await delay(pauseMs)
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
      if (stopping) return
      current = launch(options, log)
      watch(current)
      if (env !== undefined) current.send({ kind: 'go', env })
    })
  }
  watch(current)
  return {
    ready: first.promise,
    go(given) {
      env = given
      current.send({ kind: 'go', env })
      return first.promise
    },
    async stop(graceMs) {
      stopping = true
      const { child, ended } = current
      const pid = child.pid
      if (pid !== undefined && child.exitCode === null && child.signalCode === null) {
        signalGroup(pid, 'SIGTERM')
        const timer = setTimeout(() => signalGroup(pid, 'SIGKILL'), graceMs)
        await ended
        clearTimeout(timer)
        signalGroup(pid, 'SIGKILL') // what it may have started and left
      }
      log.close()
    },
  }
}

interface Launched {
  readonly child: ChildProcess
  readonly bornMs: number
  /** How it ended, in words. */
  readonly ended: Promise<string>
  /** Its own sentence, where it gave one. */
  said: string | undefined
  send(message: ToChild): void
}

/**
 * What Node keeps of compiled code, from the first file on: `enableCompileCache` comes too late for the file that calls
 * it, and taking the types out of that one loads a WebAssembly program into each process (24 MiB and 0.2 s, measured).
 */
const ownCache = getCompileCacheDir()
const cacheDir = ownCache === undefined ? undefined : dirname(ownCache)

function launch(options: ChildOptions, log: LogFile): Launched {
  const child = spawn(process.execPath, [...NODE_FLAGS[options.name], MAIN, options.name, '--supervised'], {
    detached: true, // leads a group: the terminal's Ctrl-C reaches the supervisor alone, which stops in order
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: environmentWith({ NODE_COMPILE_CACHE: cacheDir }),
  })
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue
    createInterface({ input: stream }).on('line', (line) => {
      log.write(line)
      options.onLine(line)
    })
  }
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`))
  })
  return {
    child,
    bornMs: performance.now(),
    ended,
    said: undefined,
    send: (message) => void (child.connected && child.send(message, () => {})),
  }
}

const PORT_SETTINGS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  api: { api: 'PULSE_API_PORT' },
  worker: { metrics: 'PULSE_WORKER_METRICS_PORT', health: 'PULSE_WORKER_HEALTH_PORT' },
  bus: { bus: 'PULSE_BUS_PORT' },
  canary: { metrics: 'PULSE_CANARY_PORT' },
}

function pinned(name: string, ports: Readonly<Record<string, number>>): Environment {
  return Object.fromEntries(
    Object.entries(PORT_SETTINGS[name] ?? {}).flatMap(([port, setting]) =>
      ports[port] === undefined ? [] : [[setting, String(ports[port])]],
    ),
  )
}
