import { ownKey, reachable, readSettings } from './config/index.ts'
import { openObjectStore } from './lake/index.ts'
import { objectStoreOptions } from './places/index.ts'
import { readLiveRunFile, runDemo } from './start/index.ts'

/** `pulse demo`: against what runs on the data folder, else where the settings say. Answers the exit code. */
export async function demoCommand(write: (text: string) => void): Promise<number> {
  const { settings } = readSettings()
  const run = await readLiveRunFile(settings.dataDir)
  const portOf = (name: string, which: string): number | undefined =>
    run?.processes.find((running) => running.name === name)?.ports[which]
  const host = reachable(settings.host)
  return runDemo({
    apiUrl: settings.canaryApiUrl ?? `http://${host}:${portOf('api', 'api') ?? settings.apiPort}`,
    metricsUrl: `http://${host}:${portOf('worker', 'metrics') ?? settings.workerMetricsPort}/metrics`,
    objects: openObjectStore(objectStoreOptions(settings, 'demo')),
    write,
    key: ownKey(settings, 'operator'),
  })
}
