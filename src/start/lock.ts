import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { identify } from '../store/index.ts'
import { StartRefused } from './refused.ts'

/**
 * One `pulse start` per data folder: a file that names its owner. A lock whose owner is gone (by
 * number *and* by when it began) is taken over; `link` and `rename` make each step all or nothing.
 * Answers how to give it back. Throws `StartRefused` when another one holds it.
 */
export async function lockDataDir(dataDir: string): Promise<() => Promise<void>> {
  const path = join(dataDir, 'lock')
  const mine = JSON.stringify({ pid: process.pid, began: identify(process.pid)?.began })
  const draft = `${path}.${process.pid}`
  await writeFile(draft, mine)
  try {
    for (let attempt = 0; attempt < 20; attempt++) {
      try {
        await link(draft, path)
        return async () => {
          if ((await textOf(path)) === mine) await rm(path, { force: true })
        }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      }
      const theirs = await textOf(path)
      const pid = holderOf(theirs)
      if (pid !== undefined) {
        throw new StartRefused(
          `Pulse already runs on ${dataDir} (process ${pid}): stop that one, or set PULSE_DATA_DIR to another folder.`,
        )
      }
      await takeAway(path, draft, theirs)
    }
    throw new StartRefused(`The lock ${path} changes hands all the time: another start is under way.`)
  } finally {
    await rm(draft, { force: true })
  }
}

const textOf = (path: string): Promise<string | undefined> => readFile(path, 'utf8').catch(() => undefined)

function holderOf(text: string | undefined): number | undefined {
  try {
    const { pid, began } = JSON.parse(text ?? '') as { pid: number; began: string }
    return identify(pid)?.began === began ? pid : undefined
  } catch {
    return undefined
  }
}

/** Removes the stale lock, and only that one: should another start have been quicker, its lock is put back. */
async function takeAway(path: string, draft: string, stale: string | undefined): Promise<void> {
  const aside = `${draft}.stale`
  try {
    await rename(path, aside)
  } catch {
    return // gone already
  }
  if ((await textOf(aside)) !== stale) await link(aside, path).catch(() => {})
  await rm(aside, { force: true })
}
