import { mkdir } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { serveConnection } from './connection.ts'
import { openEngine, type Engine } from './engine.ts'
import { fetchSessions } from './fetch-session.ts'
import { folderFiles, type FileLayer } from './files.ts'
import { lockFolder } from './lock.ts'
import { startRetention } from './retention.ts'

export interface EmbeddedBusOptions {
  readonly dataDir: string
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  /** Produce is refused beyond this many bytes of records that were not removed. */
  readonly maxBytes: number
  /** Whoever shares the space with others, by topic: by default the second part of `pulse.{tenant}.…`. */
  readonly groupOf?: (topic: string) => string
  readonly segmentBytes?: number
  /** Batches kept in memory for readers that keep up. */
  readonly recentBytes?: number
  /** In place of the real file system. */
  readonly files?: FileLayer
  readonly now?: () => number
  /** A journal fault or a defect, as a sentence. */
  readonly onEvent?: (event: { readonly kind: 'storage' | 'defect' | 'recovered'; readonly detail: string }) => void
}

export interface EmbeddedBus extends AsyncDisposable {
  readonly host: string
  readonly port: number
  readonly engine: Engine
  /** Ends the connections, writes what was accepted, frees the folder. */
  close(): Promise<void>
}

/** The address or the folder cannot be used. The sentence is for an operator. */
export class BusStartRefused extends Error {
  override readonly name = 'BusStartRefused'
}

/** Topics named `pulse.{tenant}.…` belong to the tenant; every other topic is a group of its own. */
export function tenantOfTopic(topic: string): string {
  return /^pulse\.([^.]+)\./.exec(topic)?.[1] ?? topic
}

const SEGMENT_BYTES = 64 * 1024 * 1024
const RECENT_BYTES = 32 * 1024 * 1024

/**
 * Starts the embedded bus: a single-node log that speaks the Kafka protocol, for one machine. Resolves when it listens;
 * rejects with `BusStartRefused`, `FolderLocked` or `JournalRefused`, each with one sentence that says what to do.
 */
export async function startEmbeddedBus(options: EmbeddedBusOptions): Promise<EmbeddedBus> {
  const say = options.onEvent ?? ((): void => undefined)
  const now = options.now ?? Date.now
  const unlock =
    options.files === undefined ? await prepareFolder(options.dataDir) : async (): Promise<void> => undefined
  let engine: Engine | undefined
  try {
    engine = await openEngine({
      files: options.files ?? folderFiles(options.dataDir),
      folder: options.dataDir,
      maxBytes: options.maxBytes,
      segmentBytes: options.segmentBytes ?? SEGMENT_BYTES,
      recentBytes: options.recentBytes ?? RECENT_BYTES,
      groupOf: options.groupOf ?? tenantOfTopic,
      now,
      onFault: (fault) => say({ kind: 'storage', detail: fault.message }),
    })
    if (engine.cutBytes > 0) {
      say({
        kind: 'recovered',
        detail: `${engine.cutBytes} bytes of an unfinished write were cut from the journal's end.`,
      })
    }
    return await listen(options, engine, unlock, say, now)
  } catch (error) {
    await engine?.close()
    await unlock()
    throw error
  }
}

async function prepareFolder(folder: string): Promise<() => Promise<void>> {
  try {
    await mkdir(folder, { recursive: true })
    return await lockFolder(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error
    throw new BusStartRefused(
      `The bus cannot write to ${folder}: ${(error as Error).message}. Make it writable, or set PULSE_DATA_DIR.`,
      { cause: error },
    )
  }
}

async function listen(
  options: EmbeddedBusOptions,
  engine: Engine,
  unlock: () => Promise<void>,
  say: NonNullable<EmbeddedBusOptions['onEvent']>,
  now: () => number,
): Promise<EmbeddedBus> {
  const sockets = new Set<Socket>()
  const server = createServer()
  await bind(server, options)
  const { port } = server.address() as AddressInfo
  const host = options.host === '0.0.0.0' || options.host === '::' ? 'localhost' : options.host
  const broker = { engine, host, port, sessions: fetchSessions(), now }
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    serveConnection(socket, broker, (error) => {
      say({ kind: 'defect', detail: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    })
  })
  const stopRetention = startRetention(engine, now)
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => {
    closing ??= (async () => {
      stopRetention()
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      await closed
      await engine.close()
      await unlock()
    })()
    return closing
  }
  return { host, port, engine, close, [Symbol.asyncDispose]: close }
}

async function bind(server: Server, { host, port }: EmbeddedBusOptions): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(port, host, resolve)
  try {
    await promise
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const why = code === 'EADDRINUSE' ? 'the port is taken' : message
    throw new BusStartRefused(
      `The bus cannot listen on ${host}:${port}: ${why}. Set PULSE_BUS_PORT to another port, or 0.`,
      {
        cause: error,
      },
    )
  }
  server.removeListener('error', reject)
}
