import type { Owner } from './postgres.ts'
import type { Program } from './program.ts'
import { until } from './until.ts'

/** A real engine that faults can be done to. Its data outlives its process. */
export interface RealPlace {
  readonly pid: number
  kill(): Promise<void>
  /** Again on the same port and data; resolves when it answers. */
  start(): Promise<void>
}

/** A program that is started, killed and started again, and ends with its owner. */
export async function keeping(
  owner: Owner,
  launch: () => Promise<Program>,
  answers: () => Promise<boolean>,
): Promise<RealPlace> {
  let program: Program | undefined
  const start = async (): Promise<void> => {
    const started = await launch()
    program = started
    await until('it to answer', async () => {
      if (!started.isRunning) return 'ended'
      return answers()
    }).then((how) => {
      if (how === 'ended') throw new Error(`It ended: ${started.said()}`)
    })
  }
  owner.after(async () => program?.kill())
  await start()
  return {
    get pid() {
      return program?.pid ?? 0
    },
    kill: async () => program?.kill(),
    start,
  }
}
