import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Programs that tests build or fetch once: a folder for each name and version below one root,
 * `$TEST_ENGINES` or `pulse-engines` in the system's temporary folder.
 */
const ROOT = process.env['TEST_ENGINES'] ?? join(tmpdir(), 'pulse-engines')

const SAFE = /^[A-Za-z0-9][A-Za-z0-9._+-]*$/

/**
 * The folder of an engine, complete: where it is not there yet, `build` fills an empty folder, which then gets its
 * name in one step. Two processes that build at once both build, and the first one's work stays: a folder that is
 * found was never half made. What `build` throws is thrown on, and leaves nothing behind.
 */
export async function engine(name: string, version: string, build: (dir: string) => Promise<void>): Promise<string> {
  if (!SAFE.test(name) || !SAFE.test(version)) throw new Error(`An engine's folder cannot be called ${name}-${version}`)
  const folder = join(ROOT, `${name}-${version}`)
  if (existsSync(folder)) return folder
  await mkdir(ROOT, { recursive: true })
  const work = await mkdtemp(join(ROOT, `.${name}-`))
  try {
    await build(work)
    await chmod(work, 0o755) // an engine may run as somebody else than its builder
    await rename(work, folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
    })
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  return folder
}
