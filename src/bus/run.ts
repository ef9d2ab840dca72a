import { join } from 'node:path'
import { startEmbeddedBus } from './embedded/start.ts'

/** What `pulse bus` needs of the settings. */
export interface BusRunSettings {
  readonly dataDir: string
  readonly host: string
  readonly busPort: number
  readonly busMaxBytes: number
}

/** Runs the embedded bus in this process, in `{dataDir}/bus`. Rejects with one sentence where that cannot be. */
export async function runBus(
  settings: BusRunSettings,
): Promise<{ ports: Record<string, number>; stop(): Promise<void> }> {
  const bus = await startEmbeddedBus({
    dataDir: join(settings.dataDir, 'bus'),
    host: settings.host,
    port: settings.busPort,
    maxBytes: settings.busMaxBytes,
    onEvent: ({ kind, detail }) => void process.stderr.write(`${JSON.stringify({ event: `bus.${kind}`, detail })}\n`),
  })
  return { ports: { bus: bus.port }, stop: () => bus.close() }
}
