import { execFile } from 'node:child_process'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Owner } from './postgres.ts'

const run = promisify(execFile)
const MIB = 2 ** 20

/** A file system of its own, in memory and small, that can be filled and emptied. Needs root, who may mount. */
export interface SmallDisk {
  readonly folder: string
  /** Takes all that is left of it. */
  fill(): Promise<void>
  /** Gives it back. */
  relieve(): Promise<void>
}

export async function withSmallDisk(owner: Owner, mebibytes: number): Promise<SmallDisk> {
  const folder = await mkdtemp(join(tmpdir(), 'pulse-small-'))
  await run('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', folder]).catch((error: Error) => {
    throw new Error(
      `A small disk cannot be mounted (it takes root, and a machine that lets root mount): ${error.message}`,
    )
  })
  // Lazily: who still has files there ends later.
  owner.after(async () => {
    await run('umount', ['--lazy', folder])
    await rm(folder, { recursive: true, force: true })
  })
  const ballast = join(folder, 'ballast')
  return {
    folder,
    async fill() {
      const file = await open(ballast, 'w')
      try {
        const some = Buffer.alloc(MIB)
        for (;;) if ((await file.write(some)).bytesWritten < some.length) break
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      } finally {
        await file.close()
      }
    },
    relieve: () => rm(ballast, { force: true }),
  }
}
