import { join } from 'node:path'
import { startEmbeddedBus, type EmbeddedBusOptions } from './embedded/start.ts'

/** What `pulse bus` needs of the settings. */
interface BusRunSettings {
  readonly dataDir: string
  readonly host: string
  readonly busPort: number
  readonly busMaxBytes: number
}

/** Something that the embedded bus has to say. */
export type BusEvent = Parameters<NonNullable<EmbeddedBusOptions['onEvent']>>[0]

/** Runs the embedded bus in this process, in `{dataDir}/bus`. Rejects with one sentence where that cannot be. */
export async function runBus(
  settings: BusRunSettings,
  onEvent: (event: BusEvent) => void,
): Promise<{ ports: Record<string, number>; stop(): Promise<void> }> {
  const bus = await startEmbeddedBus({
    dataDir: join(settings.dataDir, 'bus'),
    host: settings.host,
    port: settings.busPort,
    maxBytes: settings.busMaxBytes,
    onEvent,
  })
  return { ports: { bus: bus.port }, stop: () => bus.close() }
}
