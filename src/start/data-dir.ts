import { randomBytes } from 'node:crypto'
import { access, constants, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { StartRefused } from './refused.ts'

/** The layout of the data folder that this Pulse writes. A greater number in `version` is a newer Pulse's. */
const LAYOUT = 1

interface Secrets {
  readonly admin: string
  readonly app: string
}

/** Makes the data folder where it is missing, and proves that it can be written and is not a newer Pulse's. Throws `StartRefused`. */
export async function openDataDir(dataDir: string): Promise<void> {
  const isRoot = process.getuid?.() === 0
  try {
    // Root's embedded PostgreSQL runs as another user, who must be able to pass through; what is secret in it is 0600.
    await makeFolder(dataDir, isRoot ? 0o755 : 0o700)
    await makeFolder(join(dataDir, 'logs'), 0o700)
    await access(dataDir, constants.W_OK | constants.X_OK)
    await refuseNewer(dataDir)
    await writeSynced(join(dataDir, 'version'), `${LAYOUT}\n`, 0o644)
  } catch (error) {
    if (error instanceof StartRefused) throw error
    throw new StartRefused(
      `The data folder ${dataDir} cannot be written (${(error as Error).message}): set PULSE_DATA_DIR to a folder that can.`,
      { cause: error },
    )
  }
}

/**
 * `mkdir -p`. Node's own (24.21) never ends below a folder that takes no entries and says ENOENT, as
 * /proc does, and keeps the process from ending, too.
 */
async function makeFolder(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return
    if (code !== 'ENOENT' || dirname(path) === path) throw error
    await makeFolder(dirname(path), mode)
    await mkdir(path, { mode }).catch((again: NodeJS.ErrnoException) => {
      if (again.code !== 'EEXIST') throw again
    })
  }
}

async function refuseNewer(dataDir: string): Promise<void> {
  const text = await readFile(join(dataDir, 'version'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return
  const layout = Number(text)
  if (!Number.isInteger(layout))
    throw new StartRefused(
      `The file ${join(dataDir, 'version')} holds no version: is ${dataDir} a data folder of Pulse? Set PULSE_DATA_DIR to one, or to an empty folder.`,
    )
  if (layout > LAYOUT) {
    throw new StartRefused(
      `The data folder ${dataDir} is from a newer Pulse (layout ${layout}, this one knows ${LAYOUT}): start that version, or set PULSE_DATA_DIR to another folder.`,
    )
  }
}

/** The passwords of the embedded PostgreSQL, made at the first start; `secrets.json`, readable by its owner only. */
export async function secretsOf(dataDir: string): Promise<Secrets> {
  const path = join(dataDir, 'secrets.json')
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Secrets
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw new StartRefused(
        `${path} cannot be read (${(error as Error).message}): put the right one back, or set PULSE_DATA_DIR to an empty folder.`,
        { cause: error },
      )
    }
  }
  const secrets: Secrets = { admin: randomBytes(24).toString('base64url'), app: randomBytes(24).toString('base64url') }
  await writeSynced(path, `${JSON.stringify(secrets)}\n`, 0o600)
  return secrets
}

/** Replaces a small file whole, so that a crash leaves the old one or the new one. */
export async function writeSynced(path: string, text: string, mode: number): Promise<void> {
  const half = `${path}.${process.pid}`
  try {
    const file = await open(half, 'w', mode)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(half, path)
  } catch (error) {
    await rm(half, { force: true })
    throw error
  }
}
