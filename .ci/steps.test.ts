import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'

/** What .ci/run saw fail, told once more as its last words: a file per step in `STEPS_FAILED`, with the end of what it printed. */
const folder = process.env['STEPS_FAILED']
if (folder === undefined) throw new Error('STEPS_FAILED names no folder; run .ci/run')

for (const file of await readdir(folder))
  test(`${file.replace(/\.txt$/, '')} held`, async () => {
    assert.fail(await readFile(join(folder, file), 'utf8'))
  })
