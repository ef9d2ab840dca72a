import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { Command, CommanderError } from 'commander'
import { addVerbs } from '../../src/commands/index.ts'
import { loadSettings, type Environment } from '../../src/config/index.ts'

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
  // oxlint-disable-next-line typescript/no-explicit-any -- what was printed is whatever JSON it is
  readonly json: () => any
}

const ranOf = (code: number, out: string, err: string): Ran => ({ code, out, err, json: () => JSON.parse(out) })

/** `pulse …` in this process, as if it were typed: what it printed and its exit code. Defects reject. */
export const typed = (env: Environment, ...words: readonly string[]): Promise<Ran> => typedAt({}, env, ...words)

/** The same at terminals of so many columns; without them output goes to no terminal. */
export async function typedAt(
  columns: { readonly stdout?: number; readonly stderr?: number },
  env: Environment,
  ...words: readonly string[]
): Promise<Ran> {
  let [out, err] = ['', '']
  let code: number | undefined
  const complain = (text: string): void => void (err += text)
  const pulse = new Command('pulse')
    .exitOverride()
    .configureOutput({ writeOut: (text) => void (out += text), writeErr: complain })
  addVerbs(pulse, {
    settings: () => loadSettings(env),
    write: async (text) => void (out += text),
    complain,
    progress: () => undefined,
    wipe: () => undefined,
    columns: (of) => columns[of],
    whenStopped: () => undefined,
    end: (given) => void (code = given),
    defect(error) {
      throw error
    },
  })
  await pulse.parseAsync(['node', 'pulse', ...words]).catch((error: unknown) => {
    if (!(error instanceof CommanderError)) throw error
    code = error.exitCode === 0 ? 0 : 2
  })
  if (code === undefined) throw new Error(`pulse ${words.join(' ')} did not end`)
  return ranOf(code, out, err)
}

const PULSE = join(import.meta.dirname, '../../bin/pulse.mjs')

/** The same in a process of its own, with `input` on its standard input. */
export const spawned = (env: Environment, words: readonly string[], input = ''): Promise<Ran> =>
  begun(env, words, input).ended

/** One that may be stopped on its way. */
export function begun(
  env: Environment,
  words: readonly string[],
  input = '',
): { readonly ended: Promise<Ran>; readonly stop: (signal: 'SIGINT' | 'SIGTERM') => void } {
  const child = spawn(process.execPath, [PULSE, ...words], { env: { ...process.env, ...env } })
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  child.stdin.on('error', () => undefined) // who does not read is no fault of the one who writes
  child.stdin.end(input)
  const ended = new Promise<Ran>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve(ranOf(code ?? -1, out, err)))
  })
  return { ended, stop: (signal) => void child.kill(signal) }
}
