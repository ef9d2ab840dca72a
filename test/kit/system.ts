import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../src/store/index.ts'
import { until } from './until.ts'

/**
 * The whole system as a user starts it: `pulse start` in a process of its own, on free ports and a
 * temporary data folder. Faults are real: a member of the system is killed by its process id.
 */
export type Member = 'postgres' | 'bus' | 'api' | 'worker' | 'canary'

export interface System extends AsyncDisposable {
  readonly dataDir: string
  readonly apiPort: number
  readonly baseUrl: string
  readonly env: Readonly<Record<string, string>>
  /** Process id as `run.json` says now; undefined while it is being restarted. */
  pid(member: Member): number | undefined
  port(member: Member): number | undefined
  /** Of the embedded Postgres, as role `pulse`: what a test or measurement may not change, it may look at. */
  adminUrl(): string
  /** The same database as `pulse_app`, under row level security. */
  appUrl(): string
  kill9(member: Member): void
  /** `kill -9` of the supervisor and everything below it at once, as a power cut would. */
  kill9All(): Promise<void>
  /** Starts again on the same folder after `kill9All` or `stop`. */
  start(): Promise<void>
  /** Ctrl-C; resolves with the exit code. */
  stop(): Promise<number | null>
  /** What the supervisor printed so far. */
  output(): string
  /** From spawn to ready, of the last start. */
  readonly readyMs: number
}

interface RunFile {
  readonly processes?: ReadonlyArray<{ readonly name: string; readonly pid: number; readonly port?: number | null }>
}

const LAUNCHER = join(import.meta.dirname, '..', '..', 'bin', 'pulse.mjs')

export async function bootPulse(extra: Readonly<Record<string, string>> = {}): Promise<System> {
  const dataDir = mkdtempSync(join(tmpdir(), 'pulse-e2e-'))
  chmodSync(dataDir, 0o755) // run as root, Postgres runs as somebody else, who must get in
  const env: Record<string, string> = {
    PULSE_DATA_DIR: join(dataDir, 'data'),
    PULSE_API_PORT: String(await freePort()),
    PULSE_WORKER_METRICS_PORT: String(await freePort()),
    PULSE_WORKER_HEALTH_PORT: String(await freePort()),
    PULSE_CANARY_PORT: String(await freePort()),
    PULSE_CANARY_SECONDS: '0',
    ...extra,
  }
  const apiPort = Number(env['PULSE_API_PORT'])
  const baseUrl = `http://127.0.0.1:${apiPort}`
  let child: ChildProcess | undefined
  let printed = ''
  let readyMs = 0

  const run = (): RunFile => {
    try {
      return JSON.parse(readFileSync(join(env['PULSE_DATA_DIR'] ?? '', 'run.json'), 'utf8')) as RunFile
    } catch {
      return {}
    }
  }
  const entryOf = (member: Member) => run().processes?.find((process) => process.name === member)
  const pid = (member: Member) => entryOf(member)?.pid
  const port = (member: Member) => entryOf(member)?.port ?? undefined

  async function start(): Promise<void> {
    const startedAt = performance.now()
    printed = ''
    const started = spawn(process.execPath, [LAUNCHER, 'start'], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: dataDir,
    })
    child = started
    started.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()))
    started.stderr.on('data', (chunk: Buffer) => (printed += chunk.toString()))
    await until(
      'the system to be ready',
      async () => {
        if (started.exitCode !== null) return 'ended'
        const response = await fetch(`${baseUrl}/ready`, { signal: AbortSignal.timeout(2_000) })
        return response.status === 200
      },
      60_000,
      25,
    )
      .then((how) => {
        if (how === 'ended') throw new Error(`pulse start ended with ${started.exitCode}`)
      })
      .catch((error: unknown) => {
        throw new Error(`${error instanceof Error ? error.message : String(error)}\n${printed}`)
      })
    readyMs = performance.now() - startedAt
  }

  const ended = (process: ChildProcess) =>
    process.exitCode !== null || process.signalCode !== null
      ? Promise.resolve(process.exitCode)
      : new Promise<number | null>((resolve) => process.once('exit', (code) => resolve(code)))

  async function stop(): Promise<number | null> {
    if (child === undefined) return null
    const stopping = child
    child = undefined
    stopping.kill('SIGINT')
    const bound = setTimeout(() => stopping.kill('SIGKILL'), 30_000)
    const code = await ended(stopping)
    clearTimeout(bound)
    return code
  }

  function databaseUrl(role: string, secret: string): string {
    const secrets = JSON.parse(readFileSync(join(env['PULSE_DATA_DIR'] ?? '', 'secrets.json'), 'utf8')) as Record<
      string,
      string
    >
    return `postgres://${role}:${secrets[secret]}@127.0.0.1:${port('postgres')}/pulse`
  }

  const system: System = {
    dataDir: env['PULSE_DATA_DIR'] ?? '',
    apiPort,
    baseUrl,
    env,
    pid,
    port,
    adminUrl: () => databaseUrl('pulse', 'admin'),
    appUrl: () => databaseUrl('pulse_app', 'app'),
    kill9(member) {
      const target = pid(member)
      if (target === undefined) return
      try {
        process.kill(target, 'SIGKILL')
      } catch {
        // Already gone: the fault has happened.
      }
    },
    async kill9All() {
      const members = run().processes ?? []
      const supervisor = child
      child = undefined
      supervisor?.kill('SIGKILL')
      for (const member of members) {
        try {
          process.kill(member.pid, 'SIGKILL')
        } catch {
          // Already gone.
        }
      }
      if (supervisor !== undefined) await ended(supervisor)
    },
    start,
    stop,
    output: () => printed,
    get readyMs() {
      return readyMs
    },
    async [Symbol.asyncDispose]() {
      await stop()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
  try {
    await start()
  } catch (error) {
    await system[Symbol.asyncDispose]()
    throw error
  }
  return system
}
