import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { announcementMembers } from '../../scripts/generate.ts'
import { LOG } from '../../src/telemetry/index.ts'

const root = resolve(import.meta.dirname, '../..')
const read = (path: string): Promise<string> => readFile(join(root, path), 'utf8')
const sources = await Promise.all(
  (await readdir(join(root, 'src'), { recursive: true }))
    .filter((path) => path.endsWith('.ts'))
    .map(async (path) => [`src/${path}`, await read(`src/${path}`)] as const),
)
const declared = [...announcementMembers(await read('src/telemetry/announce.ts')).keys()].sort()

test('every event that a line can have is declared, documented, and said by some stage', async () => {
  assert.deepEqual(Object.keys(LOG).sort(), declared)
  const page = await read('docs/reference/announcements.md')
  const documented = [...page.matchAll(/^\| `([a-z_.]+)` \|/gm)].map(([, name]) => name ?? '')
  assert.deepEqual(documented.sort(), declared)
  const said = new Set(
    sources.flatMap(([, text]) => [...text.matchAll(/\bannounce\(\s*'([a-z_.]+)'/g)].map(([, name]) => name ?? '')),
  )
  assert.deepEqual([...said].filter((name) => !declared.includes(name)).sort(), [], 'said, and not declared')
  assert.deepEqual(
    declared.filter((name) => !said.has(name)),
    [],
    'declared, and never said',
  )
})

test('no line is written past the log', () => {
  const writers = sources
    .filter(([, text]) => /std(out|err)\.write\([^)]*JSON|\bevent:\s*['"`][a-z_]+\.[a-z_.]+['"`]/.test(text))
    .map(([path]) => path)
  assert.deepEqual(writers, [])
})
