import { spawn } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { generateAll } from './generate.ts'

/**
 * `npm run check`: types, lint, format and generated files, one line each. With `-- --write` it formats
 * and regenerates instead of complaining. Exit code 1 when anything is wrong.
 */
const root = resolve(import.meta.dirname, '..')
const write = process.argv.includes('--write')
const TIMEOUT_MS = 240_000

interface Verdict {
  readonly ok: boolean
  readonly detail: string
}

const tool = (name: string, ...args: string[]): Promise<Verdict> => {
  const { promise, resolve: settle } = Promise.withResolvers<Verdict>()
  const child = spawn(join(root, 'node_modules/.bin', name), args, {
    cwd: root,
    timeout: TIMEOUT_MS,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.on('error', (error) =>
    settle({ ok: false, detail: `${name} is not installed (npm install): ${error.message}` }),
  )
  child.on('close', (code) => settle({ ok: code === 0, detail: output.trim() }))
  return promise
}

async function generated(): Promise<Verdict> {
  const stale: string[] = []
  for (const { path, text } of await generateAll()) {
    const current = await readFile(join(root, path), 'utf8').catch(() => undefined)
    if (current === text) continue
    stale.push(path)
    if (write) {
      await mkdir(dirname(join(root, path)), { recursive: true })
      await writeFile(join(root, path), text)
    }
  }
  return write || stale.length === 0
    ? { ok: true, detail: '' }
    : { ok: false, detail: `${stale.join(', ')}: not what the source says; run \`npm run check -- --write\`` }
}

const CODE = ['src', 'test', 'scripts', 'bench', 'soak', 'chaos', 'bin', 'observability']
const CHECKS: readonly (readonly [name: string, run: () => Promise<Verdict>])[] = [
  ['format', () => tool('oxfmt', ...(write ? [] : ['--check']), ...CODE)],
  ['types', () => tool('tsc', '-p', '.')],
  ['lint', () => tool('oxlint', '--deny-warnings')],
  ['generated', generated],
]

let failed = 0
for (const [name, run] of CHECKS) {
  const began = performance.now()
  const { ok, detail } = await run()
  if (!ok) failed += 1
  process.stdout.write(`${ok ? 'ok  ' : 'FAIL'} ${name.padEnd(10)} ${Math.round(performance.now() - began)} ms\n`)
  if (!ok)
    process.stdout.write(
      `${detail
        .split('\n')
        .map((line) => `     ${line}`)
        .join('\n')}\n`,
    )
}
process.exitCode = failed === 0 ? 0 : 1
