import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openWatch } from '../../src/bus/watch.ts'
import { until } from '../kit/until.ts'

test('work that takes long is told of again and again until it ends, other work never', async () => {
  const slow: string[] = []
  const watch = openWatch<string>(
    40,
    () => performance.now(),
    (work) => slow.push(work),
  )
  watch.begin('long')
  watch.begin('short')
  watch.end('short')
  await until('it to be told of twice', () => slow.length >= 2)
  watch.end('long')
  assert.deepEqual(new Set(slow), new Set(['long']))
  const told = slow.length
  watch.begin('other')
  await until('the other to be told of', () => slow.includes('other'))
  assert.equal(slow.filter((work: string) => work === 'long').length, told, 'and what has ended no more')
  watch.close()
})
