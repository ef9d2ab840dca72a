import { randomUUID } from 'node:crypto'
import { ownKey, reachable, windowSettings, type Settings } from '../config/index.ts'
import { systemClock } from '../event/index.ts'
import { metricsPage, openServer, openTelemetry, text } from '../telemetry/index.ts'
import { openDoor } from './door.ts'
import { startRounds } from './rounds.ts'

interface RunningCanary {
  readonly ports: { readonly metrics: number }
  /** Ends the round under way; its events stay unjudged. Safe to repeat. */
  stop(): Promise<void>
}

/** This canary was told not to run. */
class CanaryRefused extends Error {
  override readonly name = 'CanaryRefused'
}

/**
 * The canary as a process of its own: a client of the public API that proves, round after round, that what is
 * accepted comes back exactly once. Starts while the API is away, and never ends for it. Rejects where PULSE_CANARY_SECONDS
 * is 0 and where its port is taken. Installs no signal handlers.
 */
export async function runCanary(settings: Settings): Promise<RunningCanary> {
  if (settings.canarySeconds === 0)
    throw new CanaryRefused('PULSE_CANARY_SECONDS is 0, so that no canary runs: set how often it shall.')
  await using opened = new AsyncDisposableStack()
  const telemetry = opened.use(openTelemetry({ plane: 'canary', ...windowSettings(settings) }))
  const server = opened.use(
    await openServer(settings.host, settings.canaryPort, {
      '/metrics': metricsPage(telemetry.metrics),
      '/livez': () => text(200, 'live'),
    }),
  )
  const rounds = opened.use(
    startRounds({
      door: openDoor(settings.canaryApiUrl ?? `http://${reachable(settings.host)}:${settings.apiPort}`, undefined, () =>
        ownKey(settings, 'canary'),
      ),
      everyMs: settings.canarySeconds * 1000,
      events: settings.canaryEvents,
      seed: randomUUID(),
      clock: systemClock,
      now: () => performance.now(),
    }),
  )
  opened.defer(telemetry.metrics.read('pulse_canary_missing_events', () => [[{}, rounds.missing()]]))
  const running = opened.move()
  return { ports: { metrics: server.port }, stop: () => running.disposeAsync() }
}
