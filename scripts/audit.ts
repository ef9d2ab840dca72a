import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { installedFaults, lockfileFaults, type Lockfile, type Manifest } from './lockfile.ts'

/**
 * `npm run audit`: what Pulse depends on is pinned, known by its hash, under a licence that can be taken, without a script that
 * nobody looked at, and installed as locked. Then the registry is asked for known vulnerabilities; one that has no answer to that (a
 * mirror) is said to have none, and is no failure. Exit code 1 where anything is wrong.
 */
const root = resolve(import.meta.dirname, '..')
const read = async <T>(name: string): Promise<T> => JSON.parse(await readFile(join(root, name), 'utf8')) as T

const lock = await read<Lockfile>('package-lock.json')
const faults = [...lockfileFaults(lock, await read<Manifest>('package.json')), ...(await installedFaults(root, lock))]
const many = Object.keys(lock.packages).length - 1
process.stdout.write(`${faults.length === 0 ? 'ok  ' : 'FAIL'} lockfile   ${many} packages\n`)
for (const fault of faults) process.stdout.write(`     ${fault}\n`)

const { isBad, said } = await knownVulnerabilities()
process.stdout.write(`${isBad ? 'FAIL' : 'ok  '} advisories ${said}\n`)
process.exitCode = faults.length > 0 || isBad ? 1 : 0

interface Report {
  readonly message?: string
  readonly metadata?: { readonly vulnerabilities: Readonly<Record<string, number>> }
}

/** What the registry knows; `high` and `critical` fail. */
async function knownVulnerabilities(): Promise<{ isBad: boolean; said: string }> {
  const { stdout } = await promisify(execFile)('npm', ['audit', '--json', '--audit-level=high'], {
    cwd: root,
    timeout: 60_000,
    maxBuffer: 1e8,
  }).catch((error: { stdout?: string }) => ({ stdout: error.stdout ?? '' }))
  let report: Report = {}
  try {
    report = JSON.parse(stdout) as Report
  } catch {
    // No JSON at all: said below.
  }
  const found = report.metadata?.vulnerabilities
  if (found === undefined) {
    const why = (report.message ?? 'no answer').replace(/ - .*/, '')
    return { isBad: false, said: `not known: the registry has no answer (${why})` }
  }
  const counts = ['critical', 'high', 'moderate', 'low'].map((grade) => `${found[grade] ?? 0} ${grade}`)
  return { isBad: (found['critical'] ?? 0) + (found['high'] ?? 0) > 0, said: counts.join(', ') }
}
