import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'

const PULSE = join(import.meta.dirname, '../../bin/pulse.mjs')

const FREE_PORTS = {
  PULSE_API_PORT: '0',
  PULSE_WORKER_METRICS_PORT: '0',
  PULSE_WORKER_HEALTH_PORT: '0',
  PULSE_CANARY_PORT: '0',
}

export interface Command {
  readonly child: ChildProcess
  /** Everything it has written, on both streams. */
  output(): string
  readonly exit: Promise<number | null>
}

/** `pulse <command>` as a user has it, in a process of its own, with every port free to choose, and no canary unless it is asked for. */
export function pulse(command: string, env: Readonly<Record<string, string>>): Command {
  const child = spawn(process.execPath, [PULSE, command], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...FREE_PORTS, PULSE_CANARY_SECONDS: '0', ...env },
  })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (printed += text.toString()))
  return { child, output: () => printed, exit: new Promise((resolve) => child.once('close', (code) => resolve(code))) }
}

/** Ends a command with Ctrl-C, and with -9 when that takes too long. */
export async function end({ child, exit }: Command, patienceMs = 20_000): Promise<number | null> {
  child.kill('SIGINT')
  const bound = setTimeout(() => child.kill('SIGKILL'), patienceMs)
  const code = await exit
  clearTimeout(bound)
  return code
}
