import { join } from 'node:path'
import { freePort } from '../../src/store/index.ts'
import { startProgram, type Program } from './program.ts'
import type { System } from './system.ts'
import { until } from './until.ts'

interface SecondWorker {
  readonly program: Program
  readonly healthPort: number
}

const LAUNCHER = join(import.meta.dirname, '../../bin/pulse.mjs')

/**
 * A worker beside the supervisor's, as on a second machine: it finds the places by the settings. Resolves once it owns a
 * partition; whoever has it ends it.
 */
export async function startSecondWorker(system: Pick<System, 'env'>): Promise<SecondWorker> {
  const healthPort = await freePort()
  const program = await startProgram(process.execPath, [LAUNCHER, 'worker'], {
    env: {
      ...system.env,
      PULSE_WORKER_METRICS_PORT: String(await freePort()),
      PULSE_WORKER_HEALTH_PORT: String(healthPort),
    },
  })
  try {
    await until('the second worker to own a partition', async () => {
      if (!program.isRunning) throw new Error(`it ended: ${program.said()}`)
      return (
        (await fetch(`http://127.0.0.1:${healthPort}/healthz`, { signal: AbortSignal.timeout(2_000) })).status === 200
      )
    })
  } catch (error) {
    await program.kill()
    throw error
  }
  return { program, healthPort }
}
