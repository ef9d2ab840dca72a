import { Buffer } from 'node:buffer'
import { open, mkdir, readdir, unlink, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'

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
    open: async (name) => journalFile(await open(join(folder, name), 'r+')),
    create: async (name) => journalFile(await open(join(folder, name), 'wx+')),
    remove: (name) => unlink(join(folder, name)),
    async syncFolder() {
      const handle = await open(folder, 'r')
      try {
        await handle.sync()
      } finally {
        await handle.close()
      }
    },
  }
}

function journalFile(handle: FileHandle): JournalFile {
  return {
    async write(bytes, position) {
      let done = 0
      while (done < bytes.length) {
        const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done)
        if (bytesWritten === 0) throw new Error('the file system wrote nothing')
        done += bytesWritten
      }
    },
    async read(position, length) {
      const bytes = Buffer.allocUnsafe(length)
      let done = 0
      while (done < length) {
        const { bytesRead } = await handle.read(bytes, done, length - done, position + done)
        if (bytesRead === 0) break
        done += bytesRead
      }
      return bytes.subarray(0, done)
    },
    // Size and data, not times: half the cost of fsync where the file does not grow, the same promise.
    sync: () => handle.datasync(),
    truncate: (length) => handle.truncate(length),
    size: async () => (await handle.stat()).size,
    close: () => handle.close(),
  }
}
