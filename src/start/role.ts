import { closeSync, openSync } from 'node:fs'
import { environmentWith, loadSettings, type Environment, type Settings } from '../config/index.ts'
import { announce } from '../telemetry/index.ts'
import { isSentence, sentenceOf } from './refused.ts'

/** A running API, worker, bus or canary, as this room sees it. */
export interface Running {
  readonly ports: Readonly<Record<string, number>>
  /** Drains and closes; bounded by the caller. */
  stop(): Promise<void>
}
export type Role = (settings: Settings) => Promise<Running>

/** Between supervisor and child. */
export type ToChild = { readonly kind: 'go'; readonly env: Environment }
export type FromChild =
  | { readonly kind: 'ready'; readonly ports: Readonly<Record<string, number>> }
  | { readonly kind: 'refused'; readonly sentence: string; readonly isSentence: boolean }

/** A stop that takes longer than the drain and this is cut short. */
const STOP_SLACK_MS = 3_000

/**
 * Runs one role in this process until it is told to stop: by SIGTERM or SIGINT, and when
 * the process that started it with a channel is gone. A supervised process loads its code first and waits for its
 * settings, so that it is ready soon after Postgres and the bus are. Never returns.
 */
export async function serveRole(
  load: () => Promise<Role>,
  settingsAlone: () => Promise<Settings>,
  given: { readonly supervised?: true } = {},
): Promise<never> {
  const supervisor = given.supervised === true ? supervised() : undefined
  let running: Running | undefined
  let stopping = false
  let drainMs = 0
  const stop = (): void => {
    if (stopping) return
    stopping = true
    setTimeout(() => process.exit(1), drainMs + STOP_SLACK_MS).unref()
    Promise.resolve(running?.stop()).then(
      () => process.exit(0),
      (error: unknown) => fail(error, supervisor),
    )
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  const orphaned = (): void => {
    muteOutput()
    stop()
  }
  process.on('disconnect', orphaned)
  if (supervisor !== undefined && !process.connected) orphaned() // it was gone before this line
  for (const name of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(name, (error: unknown) => {
      const { message, stack } = error instanceof Error ? error : new Error(String(error))
      announce('process.defect', { where: name, detail: message, stack })
      fail(error, supervisor)
    })
  }
  try {
    const [role, settings] = await Promise.all([load(), supervisor?.settings() ?? settingsAlone()])
    drainMs = settings.drainSeconds * 1000
    running = await role(settings)
    if (stopping) await running.stop()
    else if (supervisor !== undefined) supervisor.send({ kind: 'ready', ports: running.ports })
  } catch (error) {
    fail(error, supervisor)
  }
  return new Promise<never>(() => {}) // the role's own servers keep the process; `stop` ends it
}

interface Supervisor {
  settings(): Promise<Settings>
  send(message: FromChild, done?: () => void): void
}

function supervised(): Supervisor {
  return {
    settings: () =>
      new Promise((resolve, reject) => {
        process.once('message', (message: ToChild) => {
          try {
            resolve(loadSettings(environmentWith(message.env)))
          } catch (error) {
            reject(error as Error)
          }
        })
      }),
    send: (message, done) => void process.send?.(message, undefined, undefined, () => done?.()),
  }
}

/**
 * Nobody reads the pipes of a supervisor that was killed, and the logger's last flush would try for
 * ever: sonic-boom 4.2 repeats a synchronous write that fails with EPIPE without end. The lowest free
 * descriptor is the one that was just closed.
 */
function muteOutput(): void {
  for (const descriptor of [1, 2]) {
    closeSync(descriptor)
    openSync('/dev/null', 'w')
  }
}

function fail(error: unknown, supervisor: Supervisor | undefined): void {
  const sentence = sentenceOf(error)
  process.stderr.write(`${sentence}\n`)
  if (supervisor === undefined || !process.connected) process.exit(1)
  setTimeout(() => process.exit(1), 500).unref()
  supervisor.send({ kind: 'refused', sentence, isSentence: isSentence(error) }, () => process.exit(1))
}
