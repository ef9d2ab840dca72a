import { Buffer } from 'node:buffer'
import type { FileLayer, JournalFile } from '../../../src/bus/embedded/files.ts'

interface MemoryFile {
  bytes: Buffer
  /** What a power cut leaves for sure. */
  durable: Buffer
  named: boolean
}

export interface MemoryFiles extends FileLayer {
  readonly files: Map<string, MemoryFile>
  /** Every operation in order: `write 0000000001.journal`, `sync …`, `syncFolder`. */
  readonly did: string[]
  /** Makes the operations that it answers true for fail. Undefined: all is well. */
  failing: ((operation: string) => boolean) | undefined
  /** A copy as a power cut now would leave it: only what was synced, in files whose name was. */
  afterPowerCut(): MemoryFiles
  copy(): MemoryFiles
}

/** A file system in memory that keeps apart what was written and what was synced, and that can fail. */
export function memoryFiles(from: ReadonlyMap<string, Buffer> = new Map()): MemoryFiles {
  const files = new Map<string, MemoryFile>()
  for (const [name, bytes] of from)
    files.set(name, { bytes: Buffer.from(bytes), durable: Buffer.from(bytes), named: true })
  const did: string[] = []

  function operate(operation: string, partly?: () => void): void {
    did.push(operation)
    if (layer.failing?.(operation) !== true) return
    partly?.()
    throw Object.assign(new Error(`no space left on device (${operation})`), { code: 'ENOSPC' })
  }

  function journalFile(name: string, file: MemoryFile): JournalFile {
    const put = (bytes: Buffer, position: number): void => {
      const end = Math.max(file.bytes.length, position + bytes.length)
      const grown = Buffer.alloc(end)
      file.bytes.copy(grown)
      bytes.copy(grown, position)
      file.bytes = grown
    }
    return {
      async write(bytes, position) {
        // A disk that gets full takes a part of it.
        operate(`write ${name}`, () => put(bytes.subarray(0, bytes.length >> 1), position))
        put(bytes, position)
      },
      read: async (position, length) => Buffer.from(file.bytes.subarray(position, position + length)),
      async sync() {
        operate(`sync ${name}`)
        file.durable = Buffer.from(file.bytes)
      },
      async truncate(length) {
        operate(`truncate ${name}`)
        file.bytes = Buffer.from(file.bytes.subarray(0, length))
      },
      size: async () => file.bytes.length,
      close: async () => undefined,
    }
  }

  const layer: MemoryFiles = {
    files,
    did,
    failing: undefined,
    list: async () => [...files.keys()],
    async open(name) {
      const file = files.get(name)
      if (file === undefined) throw new Error(`no file ${name}`)
      return journalFile(name, file)
    },
    async create(name) {
      operate(`create ${name}`)
      const file = { bytes: Buffer.alloc(0), durable: Buffer.alloc(0), named: false }
      files.set(name, file)
      return journalFile(name, file)
    },
    async remove(name) {
      operate(`remove ${name}`)
      files.delete(name)
    },
    async syncFolder() {
      operate('syncFolder')
      for (const file of files.values()) file.named = true
    },
    afterPowerCut: () =>
      memoryFiles(new Map([...files].filter(([, file]) => file.named).map(([name, file]) => [name, file.durable]))),
    copy: () => memoryFiles(new Map([...files].map(([name, file]) => [name, file.bytes]))),
  }
  return layer
}
