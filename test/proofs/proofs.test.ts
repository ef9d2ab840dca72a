import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { allProofs } from './all.ts'

const root = resolve(import.meta.dirname, '../..')
const proofs = await allProofs()

test('promises are numbered without a gap, and none of the 43 is without a proof', () => {
  assert.deepEqual(
    [...new Set(proofs.map(({ number }) => number))],
    Array.from({ length: 43 }, (_, index) => index + 1),
  )
})

test('every proof names a test that exists, and a line that occurs once and would be changed', async () => {
  const wrong: string[] = []
  for (const { number, test: path, name, mutation, real } of proofs) {
    const said = `proof ${number} (${name})`
    const tests = await readFile(join(root, path), 'utf8').catch(() => '')
    if (!tests.includes(name)) wrong.push(`${said}: no such test in ${path}`)
    if ((real === true) !== path.startsWith('test/real/')) wrong.push(`${said}: real belongs to test/real alone`)
    const source = await readFile(join(root, mutation.file), 'utf8').catch(() => '')
    const times = source.split(mutation.from).length - 1
    if (times !== 1) wrong.push(`${said}: its line occurs ${times} times in ${mutation.file}`)
    if (mutation.from === mutation.to || mutation.from.includes('\n')) wrong.push(`${said}: changes no single line`)
  }
  assert.deepEqual(wrong, [])
})
