import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** A program that a test runs in a process of its own, and what it said. */
export interface Program {
  readonly pid: number
  readonly isRunning: boolean
  /** The last of what it wrote on either stream. */
  said(): string
  /** SIGTERM, and SIGKILL after `graceMs`; resolves with the exit code, null where a signal ended it. Safe to repeat. */
  end(graceMs?: number): Promise<number | null>
  /** Its exit code when it ends by itself; it is killed after `timeoutMs`. */
  ended(timeoutMs: number): Promise<number | null>
  /** `kill -9`; resolves when it is gone. */
  kill(): Promise<void>
}

const KEPT_CHARACTERS = 60_000

/** Rejects where the program cannot be started, naming it: a missing program is an error, never a skipped test. */
export async function startProgram(
  command: string,
  args: readonly string[],
  options: {
    readonly env?: Readonly<Record<string, string>>
    readonly cwd?: string
    readonly user?: { readonly uid: number; readonly gid: number }
  } = {},
): Promise<Program> {
  const child: ChildProcess = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...options.user,
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-KEPT_CHARACTERS)))
  await once(child, 'spawn').catch((error: Error) => {
    throw new Error(`${command} cannot be started (${error.message}): install it, .ci/run says how`)
  })
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null
  const gone = new Promise<number | null>((settle) => child.once('exit', (code) => settle(code)))
  const bounded = async (ms: number): Promise<number | null> => {
    const bound = setTimeout(() => child.kill('SIGKILL'), ms)
    const code = await gone
    clearTimeout(bound)
    return code
  }
  return {
    pid: child.pid as number,
    get isRunning() {
      return isRunning()
    },
    said: () => said,
    async end(graceMs = 15_000) {
      if (!isRunning()) return child.exitCode
      child.kill('SIGTERM')
      return bounded(graceMs)
    },
    ended: bounded,
    async kill() {
      if (!isRunning()) return
      child.kill('SIGKILL')
      await gone
    },
  }
}
