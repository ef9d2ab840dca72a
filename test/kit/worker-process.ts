import { loadSettings } from '../../src/config/index.ts'
import { runWorker } from '../../src/worker/index.ts'

/**
 * A worker in a process of its own, with the settings of its environment. `TEST_KILL_AT` names the
 * point at which it kills itself the way nothing can be caught; `TEST_KILL_ON` the how manieth time.
 */
const killAt = process.env['TEST_KILL_AT']
let left = Number(process.env['TEST_KILL_ON'] ?? 1)
const settings = loadSettings({ ...process.env, TEST_KILL_AT: undefined, TEST_KILL_ON: undefined })
const worker = await runWorker(settings, {
  point(name) {
    if (name === killAt && (left -= 1) <= 0) process.kill(process.pid, 'SIGKILL')
  },
})
process.send?.({ ports: worker.ports })
process.on('SIGTERM', () => void worker.stop().then(() => process.exit(0)))
process.on('disconnect', () => process.exit(1))
