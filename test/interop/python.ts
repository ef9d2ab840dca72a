import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const here = import.meta.dirname
const cache = resolve(here, '../../.cache')

/**
 * The Python of a virtual environment with what a requirements file names (the foreign engines, if none is given), made at the first use and kept in `.cache/`
 * under a name that follows the requirements; of several that make it at once, one's is kept. Fails, never skips,
 * where Python or the packages are not to be had.
 */
export async function foreignPython(requirements = join(here, 'requirements.txt')): Promise<string> {
  const version = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12)
  const home = join(cache, `interop-${version}`)
  const python = join(home, 'bin/python')
  if (existsSync(join(home, 'ready'))) return python
  mkdirSync(cache, { recursive: true })
  const draft = `${home}.${process.pid}`
  await run('python3', ['-m', 'venv', '--clear', draft])
  const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements]
  await run(join(draft, 'bin/python'), install, { timeout: 600_000 })
  writeFileSync(join(draft, 'ready'), '') // a half-made environment is made again
  if (!existsSync(join(home, 'ready'))) {
    rmSync(home, { recursive: true, force: true })
    renameSync(draft, home)
  } else rmSync(draft, { recursive: true, force: true })
  return python
}

/** What a foreign engine says of a table, see read-table.py. */
interface Reading {
  readonly types: Readonly<Record<string, string>>
  readonly rows: readonly Readonly<Record<string, unknown>>[]
  readonly filtered: number | null
  readonly tables?: readonly string[]
  readonly ids?: Readonly<Record<string, number>>
  readonly required?: readonly string[]
  readonly spec?: readonly unknown[]
  readonly snapshots?: number
  readonly partitions?: readonly unknown[]
}

/** Runs read-table.py. */
export async function readWith(...args: string[]): Promise<Reading> {
  const { stdout } = await run(await foreignPython(), [join(here, 'read-table.py'), ...args], {
    maxBuffer: 1e9,
    timeout: 120_000,
  })
  return JSON.parse(stdout) as Reading
}
