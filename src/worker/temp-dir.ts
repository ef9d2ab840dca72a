import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isRunning } from '../store/index.ts'

/**
 * A folder of this process's own below `dir`, for lines and unfinished files. Removes those that
 * processes which are gone have left: nothing in them was ever named by anybody.
 */
export async function ownTempDir(dir: string): Promise<string> {
  await mkdir(dir, { recursive: true })
  for (const name of await readdir(dir)) {
    const pid = Number(/^worker-(\d+)$/.exec(name)?.[1])
    if (pid > 0 && (pid === process.pid || !isRunning(pid))) await rm(join(dir, name), { recursive: true, force: true })
  }
  const own = join(dir, `worker-${process.pid}`)
  await mkdir(own, { recursive: true })
  return own
}
