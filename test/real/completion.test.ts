import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { completionScript, type Shell } from '../../src/commands/index.ts'
import { program } from '../../src/main.ts'
import { ownFolder } from '../kit/folder.ts'
import { startProgram } from '../kit/program.ts'

/** What a shell of the test's own says to a script, with the completion script beside it. */
async function said(owner: TestContext, shell: Shell, script: (path: string) => string): Promise<string> {
  const folder = await ownFolder(owner)
  const [completion, asking] = [join(folder, 'completion'), join(folder, 'asking')]
  await writeFile(completion, completionScript(shell, await program()))
  await writeFile(asking, script(completion))
  const flags = { bash: ['--norc'], zsh: ['-f'], fish: ['-N'] }[shell]
  const running = await startProgram(shell, [...flags, asking], { cwd: import.meta.dirname })
  const code = await running.ended(30_000)
  assert.equal(code, 0, running.said())
  return running.said()
}

test('fish offers commands, verbs, options, their values and files', async (t) => {
  const lines = [
    'da',
    'key ',
    'key create --sc',
    'key create website --scope ',
    'schema list --json --status p',
    'events send completion.t',
    'completion ',
  ]
  const text = await said(
    t,
    'fish',
    (path) => `source ${path}\n${lines.map((line) => `echo '== ${line}'; complete -C 'pulse ${line}'`).join('\n')}\n`,
  )
  const offered = text.split('== ').map((part) => part.split('\n').slice(1, -1))
  const words = offered.slice(1).map((found) => found.map((line) => line.split('\t')[0]))
  assert.deepEqual(words, [
    ['dataset', 'datatype'],
    ['create', 'limit', 'list', 'revoke', 'rotate', 'show'],
    ['--scope'],
    ['collect', 'manage', 'pii', 'read'],
    ['published'],
    ['completion.test.ts'],
    ['bash', 'fish', 'zsh'],
  ])
  assert.match(text, /rotate\tmake a key in the place of another/, 'with what they do')
})

test('zsh completes a line that is typed: options, their values, verbs and files, also where nobody set completion up', async (t) => {
  const typed: readonly (readonly [string, string])[] = [
    ['key create --sc', '--scope'],
    ['key create website --scope ma', '--scope manage'],
    ['schema list --json --status p', '--status published'],
    ['key ro', 'key rotate'],
    ['events send completion.t', 'completion.test.ts'],
  ]
  const text = await said(
    t,
    'zsh',
    (path) => `zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "ZDOTDIR=${dirname(path)}; source ${path}; print rea''dy"
zpty -r z line '*ready*'
${typed.map(([line, wanted]) => `zpty -w -n z 'pulse ${line}'$'\\t'; zpty -r z line '*${wanted}*'; print -r -- 'completed ${wanted}'; zpty -w -n z $'\\x15'`).join('\n')}
zpty -d z
`,
  )
  assert.deepEqual(
    text.trim().split('\n'),
    typed.map(([, wanted]) => `completed ${wanted}`),
  )
})
