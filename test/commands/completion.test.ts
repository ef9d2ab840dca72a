import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { completionScript } from '../../src/commands/index.ts'
import { VERBS } from '../../src/commands/table.ts'
import { program } from '../../src/main.ts'

const run = promisify(execFile)
const pulse = await program()

/** What bash offers for the last of these words. */
async function offered(...words: readonly string[]): Promise<string[]> {
  const typed = words.map((word) => `'${word}'`).join(' ')
  const script = `${completionScript('bash', pulse)}
COMP_WORDS=(pulse ${typed}); COMP_CWORD=${words.length}; _pulse; printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout } = await run('bash', ['--norc', '-c', script], { cwd: import.meta.dirname })
  return stdout.split('\n').filter((word) => word !== '')
}

test('bash offers commands, verbs, options, their values and files, wherever options stand', async () => {
  const first = await offered('')
  for (const word of ['start', 'doctor', ...VERBS.map(({ words }) => words[0])]) assert.ok(first.includes(word), word)
  assert.deepEqual(await offered('da'), ['datatype', 'dataset'])
  assert.deepEqual((await offered('key', '')).slice(0, 4), ['create', 'list', 'revoke', 'rotate'])
  assert.deepEqual(await offered('key', 'create', '--sc'), ['--scope'])
  assert.deepEqual(await offered('key', 'create', 'website', '--scope', ''), ['collect', 'read', 'pii', 'manage'])
  assert.deepEqual(await offered('schema', 'list', '--json', '--status', 'p'), ['published'])
  assert.deepEqual(await offered('completion', '--h'), ['--help'])
  assert.deepEqual(await offered('events', 'send', 'completion.t'), ['completion.test.ts'])
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
