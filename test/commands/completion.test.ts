import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { completionScript } from '../../src/commands/index.ts'
import { VERBS } from '../../src/commands/verbs.ts'
import { program } from '../../src/main.ts'
import { ownFolder } from '../kit/folder.ts'

const run = promisify(execFile)
const pulse = await program()

/** What bash offers for the last of these words. */
const offered = (...words: readonly string[]): Promise<string[]> => offeredIn(import.meta.dirname, ...words)

async function offeredIn(folder: string, ...words: readonly string[]): Promise<string[]> {
  const typed = words.map((word) => `'${word}'`).join(' ')
  const script = `${completionScript('bash', pulse)}
COMP_WORDS=(pulse ${typed}); COMP_CWORD=${words.length}; _pulse; printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout } = await run('bash', ['--norc', '-c', script], { cwd: folder })
  return stdout.split('\n').filter((word) => word !== '')
}

test('bash offers commands, verbs, options, their values and files, wherever options stand', async () => {
  const first = await offered('')
  for (const word of ['start', 'doctor', ...VERBS.map(({ words }) => words[0])]) assert.ok(first.includes(word), word)
  assert.deepEqual(await offered('da'), ['datatype', 'dataset'])
  assert.deepEqual((await offered('key', '')).slice(0, 4), ['create', 'list', 'show', 'revoke'])
  assert.deepEqual(await offered('key', 'create', '--sc'), ['--scope'])
  assert.deepEqual(await offered('key', 'create', 'website', '--scope', ''), ['collect', 'read', 'pii', 'manage'])
  assert.deepEqual(await offered('schema', 'list', '--json', '--status', 'p'), ['published'])
  assert.deepEqual(await offered('completion', '--h'), ['--help'])
  assert.deepEqual((await offered('completion', '')).slice(0, 3), ['bash', 'zsh', 'fish'])
  assert.deepEqual(await offered('events', 'send', 'completion.t'), ['completion.test.ts'])
})

test('where a file is meant files are offered and no options, names with spaces too', async (t) => {
  const folder = await ownFolder(t)
  await writeFile(join(folder, 'my visits.json'), '')
  for (const words of [
    ['events', 'send', ''],
    ['events', 'send', 'my'],
    ['tenant', 'edit', 'acme', '--metadata', ''],
  ])
    assert.deepEqual(await offeredIn(folder, ...words), ['my visits.json'], words.join(' '))
  assert.ok((await offeredIn(folder, 'events', 'send', '-')).includes('--dataset'))
})

test('the scripts of all shells know every verb and every option', () => {
  for (const shell of ['bash', 'zsh', 'fish'] as const) {
    const script = completionScript(shell, pulse)
    for (const { words, options = [] } of VERBS) {
      for (const word of words) assert.ok(script.includes(word), `${shell} ${word}`)
      for (const { flags } of options) {
        const name = flags.split(' ')[0] ?? ''
        assert.ok(script.includes(shell === 'fish' ? `-l ${name.slice(2)}` : name), `${shell} ${name}`)
      }
    }
  }
})
