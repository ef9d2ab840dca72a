import { appendFile, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SYNCS_FILE, type SyncRecord } from './orders.ts'

/**
 * What a power cut leaves of the folders: each file as long as its last sync found it, each folder with the names of its last
 * sync. Everything that writes there must be dead. Harsher than most disks, which keep some of the rest; it does not bring back what was removed
 * without a sync of its folder, nor what a file had before it was written over in place. Answers how many files lost something.
 */
export async function cutPower(orders: string, folders: readonly string[]): Promise<number> {
  const sizes = new Map<string, number>()
  const names = new Map<string, ReadonlySet<string>>()
  const path = join(orders, SYNCS_FILE)
  const lines = (await readFile(path, 'utf8').catch(() => '')).split('\n')
  for (const line of lines) {
    if (!line.endsWith('}')) continue // the last one, cut off by the kill: its sync was not acknowledged to anybody
    const record = JSON.parse(line) as SyncRecord
    if ('file' in record) sizes.set(record.file, record.size)
    else names.set(record.folder, new Set(record.names))
  }
  let harmed = 0
  const left: SyncRecord[] = []
  async function cut(folder: string): Promise<void> {
    const kept = names.get(folder)
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
    for (const entry of entries) {
      const at = join(folder, entry.name)
      if (kept?.has(entry.name) !== true) {
        await rm(at, { recursive: true })
        harmed += 1
      } else if (entry.isDirectory()) await cut(at)
      else {
        const { dev, ino, size } = await stat(at)
        const file = `${dev}:${ino}`
        const synced = Math.min(sizes.get(file) ?? 0, size)
        if (synced < size) {
          await truncate(at, synced)
          harmed += 1
        }
        left.push({ file, size: synced })
      }
    }
    left.push({ folder, names: await readdir(folder).catch(() => []) })
  }
  for (const folder of folders) await cut(folder)
  // What is there now is on the disk.
  await writeFile(path, '')
  await appendFile(path, left.map((record) => `${JSON.stringify(record)}\n`).join(''))
  return harmed
}
