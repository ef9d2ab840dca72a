import type { SettingName, Settings } from '../config/index.ts'
import { probePort } from '../store/index.ts'
import { StartRefused, takenPort } from './refused.ts'

/** Throws `StartRefused`, naming the setting, when a port that is asked for cannot be listened on. */
export async function refuseTakenPorts(settings: Settings): Promise<void> {
  const asked: [SettingName, number][] = [
    ['PULSE_API_PORT', settings.apiPort],
    ['PULSE_WORKER_METRICS_PORT', settings.workerMetricsPort],
    ['PULSE_WORKER_HEALTH_PORT', settings.workerHealthPort],
    ['PULSE_BUS_PORT', settings.busPort],
    ['PULSE_CANARY_PORT', settings.canarySeconds === 0 ? 0 : settings.canaryPort],
  ]
  const seen = new Map<number, SettingName>()
  for (const [name, port] of asked) {
    if (port === 0) continue
    const other = seen.get(port)
    if (other !== undefined)
      throw new StartRefused(`${other} and ${name} are both ${port}: give one of them another port (0 = any).`)
    seen.set(port, name)
    const state = await probePort(port, settings.host)
    if (state === 'EADDRINUSE') throw new StartRefused(takenPort(port, name))
    if (state === 'EACCES')
      throw new StartRefused(`Port ${port} may not be used by this user: set ${name} to one above 1023.`)
    if (state !== 'free') {
      throw new StartRefused(
        `${settings.host} cannot be listened on (${state}): set PULSE_HOST to an address of this machine, for example 127.0.0.1.`,
      )
    }
  }
}
