import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { migrate, startEmbedded, type EmbeddedPostgres } from '../store/index.ts'
import { secretsOf } from './data-dir.ts'
import { openLogFile } from './log-file.ts'

export interface PostgresPlace {
  readonly port: number
  /** As pulse_app. */
  readonly url: string
  /** As role `pulse`. */
  readonly adminUrl: string
  stop(): Promise<void>
}

interface PostgresOptions {
  readonly dataDir: string
  /** 0 = any free port, preferably `wanted`. */
  readonly port: number
  readonly wanted: number | undefined
  readonly leaseSeconds: number
  readonly onEnd: (how: string, pauseMs: number) => void
  /** It takes connections; `isBack` when it had ended before. */
  readonly onReady: (pid: number, port: number, isBack: boolean) => void
}

/** The embedded PostgreSQL, migrated, and started again on the same port whenever it ends. */
export async function keepPostgres(options: PostgresOptions): Promise<PostgresPlace> {
  const log = openLogFile(join(options.dataDir, 'logs', 'postgres.log'))
  const passwords = await secretsOf(options.dataDir)
  const begin = (port: number): Promise<EmbeddedPostgres> =>
    startEmbedded({ dataDir: options.dataDir, port, wanted: options.wanted, passwords, onLog: log.write })
  let server = await begin(options.port)
  let stopping = false
  try {
    await migrate(server.adminUrl, { appPassword: passwords.app, leaseSeconds: options.leaseSeconds })
  } catch (error) {
    await server.stop()
    throw error
  }
  const { port } = server
  const watch = async (): Promise<void> => {
    for (let pauseMs = 200; ;) {
      const bornMs = performance.now()
      await server.ended
      if (stopping) return
      if (performance.now() - bornMs > 30_000) pauseMs = 200
      options.onEnd('it ended by itself', pauseMs)
      for (;;) {
        await delay(pauseMs)
        pauseMs = Math.min(pauseMs * 2, 5_000)
        if (stopping) return
        try {
          server = await begin(port)
          break
        } catch (error) {
          options.onEnd((error as Error).message, pauseMs)
        }
      }
      if (stopping) return void (await server.stop())
      options.onReady(server.pid, port, true)
    }
  }
  const watching = watch()
  options.onReady(server.pid, port, false)
  return {
    port,
    url: server.appUrl,
    adminUrl: server.adminUrl,
    async stop() {
      stopping = true
      await server.stop()
      await watching
      log.close()
    },
  }
}
