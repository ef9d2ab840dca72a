import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gathered } from '../../src/registry/gathered.ts'

/** A reading that ends when it is told to. */
function held() {
  const readings: { keys: readonly string[]; end: (error?: Error) => void }[] = []
  const read = (keys: readonly string[]): Promise<Map<string, string>> =>
    new Promise((resolve, reject) => {
      const end = (error?: Error): void =>
        error === undefined
          ? resolve(new Map(keys.filter((key) => key !== 'none').map((key) => [key, `the ${key}`])))
          : reject(error)
      readings.push({ keys, end })
    })
  return { read, readings }
}
const turn = () => new Promise<void>((resolve) => void setImmediate(resolve))

test('what is asked during a reading is read together by the next, each key once', async () => {
  const { read, readings } = held()
  const ask = gathered(read, 3)
  const first = ['a', 'a'].map(ask)
  await turn()
  const asked = [...first, ...['b', 'none', 'b', 'a', 'c', 'd'].map(ask)]
  for (let at = 0; at < 3; at++) {
    assert.equal(readings.length, at + 1, 'one at a time')
    readings[at]?.end()
    await turn()
  }
  assert.deepEqual(
    readings.map(({ keys }) => keys),
    [['a'], ['b', 'none', 'a'], ['c', 'd']],
    'who asks for what is being read is read for again: the answer is never older than the question',
  )
  assert.deepEqual(await Promise.all(asked), [
    ...['the a', 'the a', 'the b', undefined, 'the b', 'the a', 'the c', 'the d'],
  ])
})

test('a reading that fails fails for those it read for, and the next goes on', async () => {
  const { read, readings } = held()
  const ask = gathered(read, 10)
  const first = ask('a')
  await turn()
  const second = ask('b')
  readings[0]?.end(new Error('away'))
  await assert.rejects(first, /away/)
  await turn()
  readings[1]?.end()
  assert.equal(await second, 'the b')
  const later = ask('c')
  await turn()
  readings[2]?.end()
  assert.equal(await later, 'the c')
})
