import { execFile } from 'node:child_process'
import { chmod, mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const MIB = 2 ** 20

/** A disk of its own that can be full: a file system in memory where this process may mount one, else a folder that cannot. */
export interface SmallDisk extends AsyncDisposable {
  readonly folder: string
  readonly canFill: boolean
  /** Nothing more can be written until `empty`. */
  fill(): Promise<void>
  empty(): Promise<void>
}

const SIZE_MIB = 512
const FILLER = '.full'

/** Mounting needs root: without it the harness goes on without full disks, and says so in its last line. */
export async function openSmallDisk(at: string): Promise<SmallDisk> {
  await mkdir(at, { recursive: true })
  const canFill = await run('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_MIB}m,mode=0777`, 'pulse-chaos', at]).then(
    () => true,
    () => false,
  )
  const folder = join(at, 'lake')
  await mkdir(folder)
  await chmod(folder, 0o777)
  const filler = join(at, FILLER)
  const empty = (): Promise<void> => rm(filler, { force: true })
  return {
    folder,
    canFill,
    async fill() {
      const file = await open(filler, 'w')
      try {
        const some = Buffer.alloc(MIB)
        for (;;) if ((await file.write(some)).bytesWritten < some.length) break
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      } finally {
        await file.close()
      }
    },
    empty,
    async [Symbol.asyncDispose]() {
      if (canFill) await run('umount', ['-l', at]).catch(() => undefined)
    },
  }
}
