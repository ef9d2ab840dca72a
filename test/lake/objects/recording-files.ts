import { dirname } from 'node:path'
import { diskFiles, type FileLayer } from '../../../src/lake/index.ts'

type FileOperation = 'makeFolder' | 'writeNew' | 'copyNew' | 'syncFile' | 'syncFolder' | 'link' | 'unlink'

/**
 * The disk, with a memory of what a power cut would leave: a file's bytes once they were synced, a name once
 * its folder was synced after it appeared. Operations can be made to fail.
 */
interface RecordingFiles extends FileLayer {
  readonly log: readonly string[]
  /** Whether a file would be there, whole, after a power cut now; `from` is a folder that was there before. */
  survives(path: string, from?: string): boolean
  /** Makes the next matching operation fail with a code. */
  fail(operation: FileOperation, matching: RegExp, code: string): void
}

export function recordingFiles(root: string): RecordingFiles {
  const log: string[] = []
  const faults: { operation: FileOperation; matching: RegExp; code: string }[] = []
  const named = new Set<string>() // names that exist, durable or not
  const durable = new Set<string>() // names whose folder was synced since
  const whole = new Set<string>() // names whose bytes are synced

  async function note<T>(operation: FileOperation, path: string, act: () => Promise<T>): Promise<T> {
    log.push(`${operation} ${path.slice(root.length)}`)
    const index = faults.findIndex((fault) => fault.operation === operation && fault.matching.test(path))
    const [fault] = index < 0 ? [] : faults.splice(index, 1)
    if (fault) throw Object.assign(new Error(`${fault.code}: made to fail`), { code: fault.code })
    return await act()
  }
  return {
    ...diskFiles,
    log,
    survives(path, from = root) {
      if (!whole.has(path)) return false
      for (let at = path; at !== from; at = dirname(at)) if (!durable.has(at)) return false
      return true
    },
    fail: (operation, matching, code) => faults.push({ operation, matching, code }),
    makeFolder: (path) =>
      note('makeFolder', path, async () => {
        named.add(path)
        return await diskFiles.makeFolder(path)
      }),
    writeNew: (path, body) =>
      note('writeNew', path, async () => {
        await diskFiles.writeNew(path, body)
        named.add(path)
        whole.add(path)
      }),
    copyNew: (from, to) =>
      note('copyNew', to, async () => {
        await diskFiles.copyNew(from, to)
        named.add(to)
        whole.add(to)
      }),
    syncFile: (path) =>
      note('syncFile', path, async () => {
        await diskFiles.syncFile(path)
        whole.add(path)
      }),
    syncFolder: (path) =>
      note('syncFolder', path, async () => {
        // Only what was there when the sync began is sure to be in it.
        const there = [...named].filter((name) => dirname(name) === path)
        await diskFiles.syncFolder(path)
        for (const name of there) durable.add(name)
      }),
    link: (from, to) =>
      note('link', to, async () => {
        await diskFiles.link(from, to)
        named.add(to)
        if (whole.has(from)) whole.add(to)
      }),
    unlink: (path) =>
      note('unlink', path, async () => {
        named.delete(path)
        durable.delete(path)
        await diskFiles.unlink(path)
      }),
  }
}
