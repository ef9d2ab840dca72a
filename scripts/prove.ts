import { spawn } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { allProofs } from '../test/proofs/all.ts'
import type { Proof } from '../test/proofs/proof.ts'

/**
 * `npm run prove`: changes each proof's line once, in a copy of the tree, and runs its test, which must
 * turn red by itself: a test that fails because nothing loads any more proves nothing. `--only 8,9` takes
 * some, `--real` those that need Prometheus and its like, too. Exit code 1 where a change goes unnoticed.
 */
const root = resolve(import.meta.dirname, '..')
const TIMEOUT_MS = 300_000
/** Copies of the tree in which proofs run: most of them wait for processes, not for a core. */
const AT_ONCE = 2

const { values } = parseArgs({ options: { only: { type: 'string' }, real: { type: 'boolean' } } })
const only = values.only?.split(',').map(Number)
const wanted = (await allProofs()).filter(
  (proof) => (only === undefined || only.includes(proof.number)) && (proof.real !== true || values.real === true),
)

let unnoticed = 0
const left = [...wanted]
await Promise.all(Array.from({ length: AT_ONCE }, proveOneByOne))
process.stdout.write(`${wanted.length} changes, ${unnoticed} unnoticed\n`)
process.exitCode = unnoticed === 0 && wanted.length > 0 ? 0 : 1

/** Takes proofs until none is left, in a copy of its own. */
async function proveOneByOne(): Promise<void> {
  const copy = await mkdtemp(join(tmpdir(), 'pulse-prove-'))
  try {
    await copyTree(copy)
    for (let proof = left.shift(); proof !== undefined; proof = left.shift()) {
      const began = performance.now()
      const verdict = await prove(proof, copy)
      if (verdict !== 'red') unnoticed += 1
      const seconds = ((performance.now() - began) / 1000).toFixed(1)
      process.stdout.write(`${verdict === 'red' ? 'ok  ' : 'FAIL'} ${proof.number} ${proof.name} (${seconds} s)\n`)
      if (verdict !== 'red')
        process.stdout.write(`     ${verdict}\n     ${proof.mutation.file}: ${proof.mutation.to}\n`)
    }
  } finally {
    await rm(copy, { recursive: true, force: true })
  }
}

/** All files that git knows or would know, with the installed packages beside them. */
async function copyTree(to: string): Promise<void> {
  const { output } = await run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], root)
  for (const path of output.split('\0').filter((name) => name !== '')) {
    await mkdir(dirname(join(to, path)), { recursive: true })
    await cp(join(root, path), join(to, path)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error // removed, and not committed yet
    })
  }
  await symlink(join(root, 'node_modules'), join(to, 'node_modules'))
}

/** `red`, or why the change went unnoticed. */
async function prove({ test, name, mutation }: Proof, copy: string): Promise<string> {
  const path = join(copy, mutation.file)
  const source = await readFile(path, 'utf8')
  if (source.split(mutation.from).length !== 2) return 'The line does not occur exactly once.'
  await writeFile(
    path,
    source.replace(mutation.from, () => mutation.to),
  )
  try {
    const pattern = `^${name.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')}`
    const { output } = await run('node', ['--test', '--test-reporter=tap', '--test-name-pattern', pattern, test], copy)
    const lines = output.split('\n').map((line) => line.trim())
    const plain = (line: string): string => line.replace(/\\(.)/g, '$1')
    if (lines.some((line) => /^not ok \d+ - /.test(line) && plain(line).includes(name))) return 'red'
    return lines.some((line) => /^ok \d+ - /.test(line) && plain(line).includes(name) && !line.includes('# SKIP'))
      ? 'The test is still green.'
      : `The test did not run: ${lines
          .filter((line) => /error|Error/.test(line))
          .slice(0, 3)
          .join(' | ')}`
  } finally {
    await writeFile(path, source)
  }
}

function run(command: string, args: readonly string[], cwd: string): Promise<{ output: string }> {
  const { promise, resolve: settle, reject } = Promise.withResolvers<{ output: string }>()
  const child = spawn(command, args, { cwd, timeout: TIMEOUT_MS, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.on('error', reject)
  child.on('close', () => settle({ output }))
  return promise
}
