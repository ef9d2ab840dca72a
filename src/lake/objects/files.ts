import { constants, promises as fs, type Dirent } from 'node:fs'

/**
 * The few file operations that the local store is made of, so that a recording or failing fake can
 * stand in for the disk and prove what was synced, and when.
 */
export interface FileLayer {
  /** Creates a folder; false when it was there already. The parent must exist. */
  makeFolder(path: string): Promise<boolean>
  /** Creates a file that must not exist, writes all of the body, syncs and closes it. */
  writeNew(path: string, body: Uint8Array): Promise<void>
  /** Copies to a file that must not exist, syncs and closes it. */
  copyNew(from: string, to: string): Promise<void>
  /** Syncs a finished file that somebody else wrote. */
  syncFile(path: string): Promise<void>
  /** Syncs a folder: its entries survive a power cut. */
  syncFolder(path: string): Promise<void>
  /** A second name for a file; fails with EEXIST where the name is taken. */
  link(from: string, to: string): Promise<void>
  unlink(path: string): Promise<void>
  read(path: string, range?: { readonly start: number; readonly length: number }): Promise<Uint8Array>
  entries(path: string): Promise<Dirent[]>
  /** The path without links on the way; fails with ENOENT where nothing is. */
  real(path: string): Promise<string>
  stat(path: string): Promise<{ readonly size: number; readonly mtimeMs: number; readonly ino: number }>
}

/** The disk. Errors are Node's own, with their `code`. */
export const diskFiles: FileLayer = {
  async makeFolder(path) {
    try {
      await fs.mkdir(path)
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      return false
    }
  },
  async writeNew(path, body) {
    const file = await fs.open(path, 'wx')
    try {
      await file.writeFile(body)
      await file.sync()
    } finally {
      await file.close()
    }
  },
  async copyNew(from, to) {
    await fs.copyFile(from, to, constants.COPYFILE_EXCL)
    await diskFiles.syncFile(to)
  },
  async syncFile(path) {
    const file = await fs.open(path, 'r+')
    try {
      await file.sync()
    } finally {
      await file.close()
    }
  },
  async syncFolder(path) {
    const folder = await fs.open(path, 'r')
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  },
  link: (from, to) => fs.link(from, to),
  unlink: (path) => fs.unlink(path),
  async read(path, range) {
    if (range === undefined) return await fs.readFile(path)
    const file = await fs.open(path, 'r')
    try {
      const bytes = Buffer.alloc(range.length)
      const { bytesRead } = await file.read(bytes, 0, range.length, range.start)
      return bytes.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  },
  entries: (path) => fs.readdir(path, { withFileTypes: true }),
  real: (path) => fs.realpath(path),
  stat: (path) => fs.stat(path),
}
