import type { BusEvent } from '../bus/index.ts'
import { announce, openLog, resourceOf } from '../telemetry/index.ts'
import type { Role } from './role.ts'

/** The embedded bus as a process of its own, with a log like the other planes'. Rejects with one sentence where it cannot run. */
export const serveBus: Role = async (settings) => {
  // Loaded when it runs: `pulse --help` does without.
  const { runBus } = await import('../bus/index.ts')
  const log = openLog({
    level: settings.telemetry === 'off' ? 'silent' : settings.logLevel,
    resource: resourceOf('bus'),
  })
  const { ports, stop } = await runBus(settings, say)
  return {
    ports,
    async stop() {
      await stop()
      await log[Symbol.asyncDispose]()
    },
  }
}

function say({ kind, detail }: BusEvent): void {
  if (kind === 'storage') announce('bus.storage.failed', { detail })
  else if (kind === 'recovered') announce('bus.recovered', { detail })
  else announce('process.defect', { where: 'bus', detail: detail.split('\n', 1)[0] ?? '', stack: detail })
}
