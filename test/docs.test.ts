import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { test } from 'node:test'
import { SETTINGS } from '../src/config/settings.ts'
import { program } from '../src/main.ts'
import { PROBLEMS } from '../src/problems/index.ts'

const root = resolve(import.meta.dirname, '..')

/** All files that git knows or would take: what a stranger gets. */
const tree = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
  maxBuffer: 1 << 26,
})
  .split('\n')
  .filter((path) => path !== '' && existsSync(join(root, path)))

const pages = tree.filter((path) => path.endsWith('.md'))
const textOf = (path: string): Promise<string> => readFile(join(root, path), 'utf8')

/** GitHub's anchor of a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-')

test('every relative link in the papers leads to a file, and every anchor to a heading', async () => {
  const broken: string[] = []
  let checked = 0
  for (const page of pages) {
    const text = (await textOf(page)).replace(/```[\s\S]*?```/g, '')
    for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      checked += 1
      const [path = '', anchor] = target.split('#')
      const file = path === '' ? page : join(dirname(page), path)
      if (!existsSync(join(root, file))) broken.push(`${page}: ${target}`)
      else if (anchor !== undefined && file.endsWith('.md')) {
        const anchors = [...(await textOf(file)).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchorOf(heading))
        if (!anchors.includes(anchor)) broken.push(`${page}: ${target} (no such heading)`)
      }
    }
  }
  assert.deepEqual(broken, [])
  assert.ok(checked > 20, `${checked} links checked`)
})

test('every npm command that the papers name exists', async () => {
  const { scripts } = JSON.parse(await textOf('package.json')) as { scripts: Record<string, string> }
  const missing: string[] = []
  for (const page of pages) {
    for (const [, script = ''] of (await textOf(page)).matchAll(/\bnpm run ([a-z:]+)/g))
      if (!(script in scripts)) missing.push(`${page}: npm run ${script}`)
  }
  assert.deepEqual(missing, [])
  for (const script of ['start', 'demo', 'test', 'test:real', 'check', 'bench']) assert.ok(script in scripts, script)
})

test('every `pulse` command that the papers name exists, with the options that stand on its line', async () => {
  const pulse = await program()
  const wrong: string[] = []
  let checked = 0
  for (const page of pages) {
    const said = (await textOf(page)).matchAll(/(?:`(?:npx )?pulse|npm run pulse(?: --)?|^pulse) ([a-z][^\n`]*)/gm)
    for (const [, line = ''] of said) {
      const words = line.split(' ')
      const first = pulse.commands.find((one) => one.name() === words[0])
      const named =
        first === undefined || first.commands.length === 0 || !/^[a-z-]+$/.test(words[1] ?? '') ? [] : first.commands
      const command = named.length === 0 ? first : named.find((one) => one.name() === words[1])
      const options = new Set(command?.options.map(({ long }) => long))
      const odd = words.filter((word) => /^--[a-z]/.test(word) && !options.has(word.split('=')[0]))
      checked += 1
      if (command === undefined || (command.commands.length === 0 && odd.length > 0))
        wrong.push(`${page}: pulse ${line}`)
    }
  }
  assert.deepEqual(wrong, [])
  assert.ok(checked > 60, `${checked} were looked up`)
})

/** An example in a comment, and what the embedded PostgreSQL's keeper is told by the process that starts it. */
const NO_SETTINGS = new Set(['PULSE_X', 'PULSE_KEEPER_REMOVES'])

test('every setting that the papers or a sentence of the source name exists', async () => {
  const names = new Set(
    Object.entries(SETTINGS).flatMap(([name, { secret }]) => (secret ? [name, `${name}_FILE`] : [name])),
  )
  const missing: string[] = []
  for (const path of tree.filter((path) => path.endsWith('.md') || /^(src|bin)\//.test(path))) {
    for (const [name] of (await textOf(path)).matchAll(/\bPULSE_[A-Z0-9_]*[A-Z0-9]\b/g))
      if (!names.has(name) && !NO_SETTINGS.has(name)) missing.push(`${path}: ${name}`)
  }
  assert.deepEqual(missing, [])
})

test('every code that the papers put beside a status has that status', async () => {
  const wrong: string[] = []
  let checked = 0
  for (const page of pages) {
    for (const [said, status, code = ''] of (await textOf(page)).matchAll(/\b([45]\d\d) `([a-z_]+)`/g)) {
      checked += 1
      const problem = (PROBLEMS as Record<string, { status: number } | undefined>)[code]
      if (problem?.status !== Number(status)) wrong.push(`${page}: ${said}`)
    }
  }
  assert.deepEqual(wrong, [])
  assert.ok(checked >= 5, `${checked} codes checked`)
})

/** PostgreSQL's and nginx's own, which only the papers use. */
const ELSEWHERE = new Set(['convert_from', 'pg_dump', 'non_idempotent', 'proxy_read_timeout'])

test('every name with an underscore or a dot that the papers quote occurs in the source', async () => {
  const source = (
    await Promise.all(tree.filter((path) => /^(src|test|bench|scripts)\//.test(path)).map((path) => textOf(path)))
  ).join('\n')
  const words = new Set(source.match(/[a-z0-9]+(?:[._][a-z0-9]+)+/g))
  const unknown: string[] = []
  let checked = 0
  for (const page of pages) {
    for (const [, name = ''] of (await textOf(page)).matchAll(/`([a-z]+(?:[._][a-z]+)+)`/g)) {
      checked += 1
      if (!words.has(name) && !ELSEWHERE.has(name)) unknown.push(`${page}: ${name}`)
    }
  }
  assert.deepEqual(unknown, [])
  assert.ok(checked > 100, `${checked} names checked`)
})

test('every source path that the papers name exists', async () => {
  const missing: string[] = []
  for (const page of pages) {
    for (const [, path = ''] of (await textOf(page)).matchAll(
      /`((?:src|test|scripts|docs|bench|deploy)\/[\w./-]+\w)`/g,
    )) {
      if (!existsSync(join(root, path))) missing.push(`${page}: ${path}`)
    }
  }
  assert.deepEqual(missing, [])
})

test('every page that a sentence of the source names exists', async () => {
  const missing: string[] = []
  let checked = 0
  for (const path of tree.filter((path) => /\.(ts|mjs|sql)$/.test(path))) {
    for (const [page] of (await textOf(path)).matchAll(/\bdocs\/[a-z0-9/-]+\.md\b/g)) {
      checked += 1
      if (!existsSync(join(root, page))) missing.push(`${path}: ${page}`)
    }
  }
  assert.deepEqual(missing, [])
  assert.ok(checked > 30, `${checked} pages looked up`)
})

test('every room of the house is on the page about rooms, and on the map for those who contribute', async () => {
  const page = await textOf('docs/concepts/rooms.md')
  const rooms = new Set(tree.flatMap((path) => /^src\/([a-z]+)\//.exec(path)?.[1] ?? []))
  assert.deepEqual(
    [...rooms].filter((room) => !page.includes(`\`${room}\``)),
    [],
  )
  const map = (await textOf('CONTRIBUTING.md')).split('## The map')[1]?.split('\n## ')[0] ?? ''
  assert.deepEqual(
    [...rooms].filter((room) => !map.includes(`\`${room}\``)),
    [],
  )
})

test('the journey in the README is eight files, none longer than one sitting takes', async () => {
  const journey = (await textOf('README.md')).split('## The journey of an event')[1]?.split('\n## ')[0] ?? ''
  const files = [...journey.matchAll(/\]\((src\/[\w/.-]+)\)/g)].map(([, path = '']) => path)
  assert.equal(files.length, 8)
  for (const path of files) assert.ok((await textOf(path)).split('\n').length <= 260, path)
})

test('no file speaks of one machine, and the lockfile of no download address', async () => {
  // Folders that only one machine has, built here so that this file does not name what it forbids.
  const folders = ['work', 'root', 'farm'].map((name) => `(?<![\\w./-])/${name}/\\w`)
  const forbidden = new RegExp(folders.join('|'))
  const guilty: string[] = []
  for (const path of tree) {
    if ((await stat(join(root, path))).size > 2_000_000 || /\.(png|parquet|avro)$/.test(path)) continue
    const at = forbidden.exec(await textOf(path))
    if (at !== null) guilty.push(`${path}: ${at[0]}`)
  }
  assert.deepEqual(guilty, [])
  assert.doesNotMatch(await textOf('package-lock.json'), /"resolved":\s*"http/)
  assert.doesNotMatch(await textOf('.npmrc'), /registry\s*=/)
})

test('decisions are numbered without a gap, and each says context, choice and cost', async () => {
  const decisions = tree.filter((path) => /^docs\/decisions\/\d{4}-/.test(path)).sort()
  assert.ok(decisions.length > 0)
  for (const [at, path] of decisions.entries()) {
    assert.equal(Number(/\/(\d{4})-/.exec(path)?.[1]), at + 1, path)
    const text = await textOf(path)
    for (const heading of ['## Context', '## Choice', '## Cost'])
      assert.ok(text.includes(`${heading}\n`), `${path} has no ${heading}`)
  }
})

test('the changelog says on top what is pending', async () => {
  assert.match(await textOf('CHANGELOG.md'), /^# Changelog\n[\s\S]*?\n## Pending\n/)
})
