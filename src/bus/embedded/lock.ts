import { open, readFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** Another process uses the folder. The sentence is for an operator. */
export class FolderLocked extends Error {
  override readonly name = 'FolderLocked'
}

const NAME = 'bus.lock'
/** A bus whose supervisor was killed ends by itself within moments: the next start waits for it instead of failing. */
const PATIENCE_MS = 5_000

/**
 * Makes this process the only bus on the folder. The lock names a process by id and start time, so that one left by a
 * process that was killed, and whose id another has now, does not stop anybody. Throws `FolderLocked` when the holder is
 * still there after `patienceMs`.
 */
export async function lockFolder(folder: string, patienceMs = PATIENCE_MS): Promise<() => Promise<void>> {
  const path = join(folder, NAME)
  const mine = `${process.pid} ${(await startedAt(process.pid)) ?? ''}\n`
  const until = performance.now() + patienceMs
  for (let attempt = 0; attempt < 3;) {
    try {
      const handle = await open(path, 'wx')
      await handle.writeFile(mine)
      await handle.close()
      return () => unlink(path).catch(() => undefined)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const holder = await readFile(path, 'utf8').catch(() => '')
    if (await lives(holder)) {
      if (performance.now() < until) {
        await delay(50)
        continue
      }
      throw new FolderLocked(
        `Another bus (process ${holder.split(' ')[0]}) uses ${folder}. Stop it first, or set PULSE_DATA_DIR to another folder.`,
      )
    }
    await unlink(path).catch(() => undefined)
    attempt += 1
  }
  throw new FolderLocked(`The lock ${path} cannot be taken: several buses are being started on this folder at once.`)
}

async function lives(holder: string): Promise<boolean> {
  const [pid = '', started = ''] = holder.trim().split(' ')
  if (!/^\d+$/.test(pid)) return false
  try {
    process.kill(Number(pid), 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  if (Number(pid) === process.pid && started === ((await startedAt(process.pid)) ?? '')) return true
  const now = await startedAt(Number(pid))
  return started === '' || now === undefined || now === started
}

/** When a process began, in the kernel's ticks; `undefined` where there is no /proc, `gone` for one that only waits to be reaped. */
async function startedAt(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  // The name, in brackets, may hold spaces: fields are counted after it. Field 3 is the state, field 22 the start time.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields?.[0] === 'Z' || fields?.[0] === 'X' ? 'gone' : fields?.[19]
}
