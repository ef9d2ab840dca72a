import { Buffer } from 'node:buffer'
import fs from 'node:fs'
import { mkdir, readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** One open file of the journal. All positions are explicit, so that reads and the one writer never share a cursor. */
export interface JournalFile {
  /** Writes all of `bytes` at `position`, or rejects. */
  write(bytes: Buffer, position: number): Promise<void>
  /** Reads up to `length` bytes; fewer only at the end of the file. */
  read(position: number, length: number): Promise<Buffer>
  /** Resolves once everything written is on the medium. */
  sync(): Promise<void>
  truncate(length: number): Promise<void>
  size(): Promise<number>
  close(): Promise<void>
}

/** All that the journal asks of a file system; tests put one in its place that fails or records the order of syncs. */
export interface FileLayer {
  /** Names of the files in the folder; the folder is made where it is missing. */
  list(): Promise<string[]>
  open(name: string): Promise<JournalFile>
  create(name: string): Promise<JournalFile>
  remove(name: string): Promise<void>
  /** Makes creations and removals durable. */
  syncFolder(): Promise<void>
}

/** The real file system, in one folder. */
export function folderFiles(folder: string): FileLayer {
  return {
    async list() {
      await mkdir(folder, { recursive: true })
      return readdir(folder)
    },
    open: async (name) => journalFile(await openFile(join(folder, name), 'r+')),
    create: async (name) => journalFile(await openFile(join(folder, name), 'wx+')),
    remove: (name) => unlink(join(folder, name)),
    async syncFolder() {
      const fd = await openFile(folder, 'r')
      try {
        await syncFile(fd)
      } finally {
        await closeFile(fd)
      }
    },
  }
}

const openFile = promisify(fs.open) as (path: string, flags: string) => Promise<number>
const closeFile = promisify(fs.close)
const syncFile = promisify(fs.fsync)
const syncData = promisify(fs.fdatasync)
const cutFile = promisify(fs.ftruncate)

function journalFile(fd: number): JournalFile {
  return {
    // Synchronous on purpose: the bytes go into the page cache (15 us for a group of single events), where a turn through
    // the thread pool costs 40 us of CPU and another wait. The wait that matters, the sync, is not on this thread.
    write: (bytes, position) =>
      Promise.try(() => {
        let done = 0
        while (done < bytes.length) {
          const wrote = fs.writeSync(fd, bytes, done, bytes.length - done, position + done)
          if (wrote === 0) throw new Error('the file system wrote nothing')
          done += wrote
        }
      }),
    async read(position, length) {
      const bytes = Buffer.allocUnsafe(length)
      let done = 0
      while (done < length) {
        const { bytesRead } = await readFile(fd, bytes, done, length - done, position + done)
        if (bytesRead === 0) break
        done += bytesRead
      }
      return bytes.subarray(0, done)
    },
    // Size and data, not times: half the cost of fsync where the file does not grow, the same promise.
    sync: () => syncData(fd),
    truncate: (length) => cutFile(fd, length),
    size: () => Promise.try(() => fs.fstatSync(fd).size),
    close: () => closeFile(fd),
  }
}

const readFile = promisify(fs.read) as (
  fd: number,
  bytes: Buffer,
  at: number,
  length: number,
  position: number,
) => Promise<{ bytesRead: number }>
