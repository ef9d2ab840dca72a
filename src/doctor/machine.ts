import { access, constants, statfs } from 'node:fs/promises'
import { connect } from 'node:net'

/** What the doctor asks of the machine that it runs on. */
export interface Machine {
  /** Milliseconds since 1970. */
  now(): number
  /** Bytes that are left where the folder is; undefined where there is no such folder here. */
  freeBytes(folder: string): Promise<number | undefined>
  /** What keeps the folder from being written whoever asks, a read-only file system above all; undefined where nothing does. */
  unwritable(folder: string): Promise<string | undefined>
  /** Why nobody takes a connection there; undefined where somebody does. */
  unreachable(host: string, port: number): Promise<string | undefined>
}

const CONNECT_MS = 1_000
/** Other errors depend on who asks, and the worker may be another user. */
const FOR_EVERYBODY: ReadonlySet<string> = new Set(['EROFS', 'ENOSPC'])

/** This machine; `now` is its clock. */
export function thisMachine(now: () => number): Machine {
  return {
    now,
    freeBytes: (folder) =>
      statfs(folder).then(
        ({ bavail, bsize }) => bavail * bsize,
        () => undefined,
      ),
    unwritable: (folder) =>
      access(folder, constants.W_OK).then(
        () => undefined,
        ({ code }: NodeJS.ErrnoException) => (FOR_EVERYBODY.has(code ?? '') ? code : undefined),
      ),
    unreachable(host, port) {
      const { promise, resolve } = Promise.withResolvers<string | undefined>()
      const socket = connect({ host, port, timeout: CONNECT_MS })
      const done = (fault: string | undefined): void => {
        socket.destroy()
        resolve(fault)
      }
      socket.once('connect', () => done(undefined))
      socket.once('timeout', () => done(`no answer within ${CONNECT_MS / 1000} s`))
      socket.once('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message))
      return promise
    },
  }
}
