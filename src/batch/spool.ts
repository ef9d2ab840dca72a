import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Problem } from '../problems/index.ts'
import { isRunning } from '../store/index.ts'

/** A folder with one file in it, which goes when it is disposed of. */
interface Spooled extends AsyncDisposable {
  readonly path: string
}

interface Spool {
  /** Keeps content on disk, for what must be read from its end. Throws what the content throws, `overloaded` where the disk is full. */
  keep(content: AsyncIterable<Buffer>): Promise<Spooled>
}

/** Files of this process in `dir`; what processes that are gone have left there is removed first. */
export function openSpool(dir: string = tmpdir()): Spool {
  let cleaned: Promise<void> | undefined
  return {
    async keep(content) {
      await (cleaned ??= clean(dir))
      const folder = join(dir, `pulse-batch-${process.pid}-${randomUUID()}`)
      const remove = (): Promise<void> => rm(folder, { recursive: true, force: true })
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const path = join(folder, 'file.parquet')
      try {
        await pipeline(content, createWriteStream(path, { mode: 0o600 }))
      } catch (error) {
        await remove()
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
        throw new Problem('overloaded', 'There is no room for the file here. Send it again later.', {
          cause: error,
          retryAfterSeconds: 60,
        })
      }
      return { path, [Symbol.asyncDispose]: remove }
    },
  }
}

async function clean(dir: string): Promise<void> {
  const names = await readdir(dir).catch(() => [])
  for (const name of names) {
    const pid = Number(/^pulse-batch-(\d+)-/.exec(name)?.[1])
    if (pid > 0 && !isRunning(pid)) await rm(join(dir, name), { recursive: true, force: true })
  }
}
