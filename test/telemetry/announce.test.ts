import assert from 'node:assert/strict'
import { test } from 'node:test'
import { announce, listen } from '../../src/telemetry/index.ts'

test('everybody who listens hears, until they stop', () => {
  const heard: string[] = []
  const stops = ['a', 'b'].map((who) => listen('api.stopped', () => heard.push(who)))
  announce('api.stopped', {})
  stops[0]?.()
  announce('api.stopped', {})
  stops[1]?.()
  announce('api.stopped', {})
  assert.deepEqual(heard, ['a', 'b', 'b'])
})

test('a listener that throws reaches neither the stage nor the next listener', (t) => {
  let heard = 0
  t.after(
    listen('api.stopped', () => {
      throw new Error('a defect of the listener')
    }),
  )
  t.after(
    listen('api.stopped', () => {
      heard += 1
    }),
  )
  announce('api.stopped', {})
  assert.equal(heard, 1)
})
