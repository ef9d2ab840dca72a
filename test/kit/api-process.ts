import { readdirSync } from 'node:fs'
import { runApi } from '../../src/api/index.ts'
import { loadSettings } from '../../src/config/index.ts'

/** What a process holds once all garbage is collected; `files` are descriptors, connections among them. */
export interface Held {
  readonly heapBytes: number
  readonly outsideBytes: number
  readonly residentBytes: number
  readonly files: number
}

/** The API in a process of its own, with the settings of its environment; asked for `held`, it says what it holds. Needs --expose-gc. */
const { gc } = globalThis as { gc?: () => void }
if (gc === undefined) throw new Error('Start this with --expose-gc.')
const api = await runApi(loadSettings(process.env))
process.on('message', (asked) => {
  if (asked !== 'held') return
  gc()
  gc()
  const { heapUsed, external, rss } = process.memoryUsage()
  const files = readdirSync('/proc/self/fd').length
  process.send?.({ heapBytes: heapUsed, outsideBytes: external, residentBytes: rss, files } satisfies Held)
})
process.send?.({ port: api.ports.api })
process.on('SIGTERM', () => void api.stop().then(() => process.exit(0)))
process.on('disconnect', () => process.exit(1))
