import assert from 'node:assert/strict'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { openLogFile } from '../../src/start/log-file.ts'
import { ownFolder } from '../kit/folder.ts'

test('a log stays within two files of its bound, keeps the newest lines whole, and goes on where it was', async (t) => {
  const folder = await ownFolder(t)
  const path = join(folder, 'api.log')
  for (const [from, to] of [
    [0, 300],
    [300, 500],
  ] as const) {
    const log = openLogFile(path, 1000)
    for (let line = from; line < to; line++) log.write(`line ${String(line).padStart(4, '0')}`)
    log.close()
  }
  assert.deepEqual((await readdir(folder)).toSorted(), ['api.log', 'api.log.1'])
  const lines = `${await readFile(`${path}.1`, 'utf8')}${await readFile(path, 'utf8')}`.trimEnd().split('\n')
  assert.ok(lines.length * 10 <= 2000 && lines.length >= 100, `${lines.length} lines`)
  assert.deepEqual(
    lines,
    Array.from({ length: lines.length }, (_, i) => `line ${String(500 - lines.length + i).padStart(4, '0')}`),
  )
})

test('a folder that is gone loses lines and nothing else', () => {
  const log = openLogFile('/nowhere/at/all.log', 100)
  for (let line = 0; line < 50; line++) log.write('x'.repeat(20))
  assert.doesNotThrow(() => log.close())
})
