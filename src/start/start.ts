import type { Loaded } from '../config/index.ts'
import { sentenceOf } from './refused.ts'
import { screen } from './screen.ts'
import { startSystem, type System } from './system.ts'

/** npm passes Ctrl-C on to a process that has it from the terminal already: only a later one means "at once". */
const SECOND_SIGNAL_MS = 1_500

/**
 * `pulse start`: the whole system, until Ctrl-C or SIGTERM. Answers the exit code: 0 after an
 * orderly stop, 1 with one sentence when it could not start.
 */
export async function start(
  loaded: Loaded,
  write: (text: string) => void,
  now: () => Date = () => new Date(),
): Promise<number> {
  const say = (line: string): void => write(`${now().toISOString().slice(11, 19)} ${line}\n`)
  const asked = Promise.withResolvers<string>()
  let askedMs = Infinity
  const onSignal = (signal: string): void => {
    if (performance.now() - askedMs > SECOND_SIGNAL_MS) process.exit(130) // children and Postgres end with this process
    askedMs = Math.min(askedMs, performance.now())
    asked.resolve(signal)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal)
  process.on('disconnect', () => onSignal('SIGTERM')) // started with a channel by bin/pulse.mjs, which is gone
  process.stdout.on('error', () => {}) // the terminal is gone: go on until told to stop
  write(`Pulse starts on ${loaded.settings.dataDir} …\n`)
  const starting = startSystem(loaded, say)
  starting.catch(() => {}) // reported below, unless a signal came first
  let system: System
  try {
    const first = await Promise.race([starting, asked.promise])
    if (typeof first === 'string') {
      write('Stopping before everything was up …\n')
      await starting.then(
        (up) => up.stop(),
        () => {},
      )
      return 130
    }
    system = first
  } catch (error) {
    write(`${sentenceOf(error)}\n`)
    return 1
  }
  write(screen(system.view, now()))
  await asked.promise
  write('\nDraining …\n')
  await system.stop()
  write('Stopped.\n')
  return 0
}
