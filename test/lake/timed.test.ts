import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { test } from 'node:test'
import { timedObjectStore, type ObjectStore } from '../../src/lake/index.ts'

type Said = Parameters<Parameters<typeof timedObjectStore>[2]>[0]

/** A store whose every step takes 5 ms of a clock of its own, and that fails on purpose. */
function openFake() {
  const clock = { ms: 1_000 }
  const fault: { on?: string } = {}
  const step = (name: string): void => {
    clock.ms += 5
    if (fault.on === name) throw new Error(`${name} failed on purpose`)
  }
  const store: ObjectStore = {
    get: async () => (step('get'), Buffer.alloc(7)),
    put: async () => step('put'),
    putFile: async () => step('putFile'),
    remove: async () => step('remove'),
    async *list() {
      for (let n = 0; n < 3; n += 1) {
        step('list')
        yield { location: `l${n}`, bytes: 1, modifiedAtMs: 0 }
      }
    },
    localCopy: async () => (step('localCopy'), '/local'),
    ping: async () => step('ping'),
  }
  const said: Said[] = []
  const timed = timedObjectStore(
    store,
    () => clock.ms,
    (call) => void said.push(call),
  )
  return { clock, fault, said, timed }
}

test('every call is told once when it has ended, with what it took, and its value or fault passes through', async () => {
  const { fault, said, timed } = openFake()
  assert.equal((await timed.get('a')).length, 7)
  await timed.put('a', Buffer.alloc(9))
  await timed.putFile('a', '/b')
  assert.equal(await timed.localCopy('a'), '/local')
  await timed.remove('a')
  await timed.ping(1)
  assert.deepEqual(
    said.map(({ operation, outcome, startedAtMs, tookMs, bytes }) => [operation, outcome, startedAtMs, tookMs, bytes]),
    [
      ['get', 'ok', 1_000, 5, 7],
      ['put', 'ok', 1_005, 5, 9],
      ['put', 'ok', 1_010, 5, 0],
      ['get', 'ok', 1_015, 5, 0],
      ['delete', 'ok', 1_020, 5, 0],
    ],
    'a ping belongs to whoever watches',
  )
  for (const on of ['get', 'put', 'putFile', 'remove', 'localCopy']) {
    fault.on = on
    const calls = {
      get: () => timed.get('a'),
      put: () => timed.put('a', Buffer.alloc(1)),
      putFile: () => timed.putFile('a', '/b'),
      remove: () => timed.remove('a'),
      localCopy: () => timed.localCopy('a'),
    }
    await assert.rejects(calls[on as keyof typeof calls](), new RegExp(`${on} failed on purpose`))
    assert.equal(said.at(-1)?.outcome, 'error', on)
  }
})

test('a list is told when it is through, left or broken, without the time of its reader', async () => {
  const { clock, fault, said, timed } = openFake()
  const found: string[] = []
  for await (const { location } of timed.list('p')) {
    found.push(location)
    clock.ms += 1_000
  }
  assert.deepEqual(found, ['l0', 'l1', 'l2'])
  for await (const _ of timed.list('p')) break
  fault.on = 'list'
  await assert.rejects(async () => {
    for await (const _ of timed.list('p')) assert.fail()
  }, /on purpose/)
  assert.deepEqual(
    said.map(({ operation, outcome, tookMs }) => [operation, outcome, tookMs]),
    [
      ['list', 'ok', 15],
      ['list', 'ok', 5],
      ['list', 'error', 5],
    ],
  )
})

test('what is told is told in the context of the caller', async () => {
  const whose = new AsyncLocalStorage<string>()
  const heard: (string | undefined)[] = []
  const { timed } = openFake()
  const told = timedObjectStore(timed, performance.now.bind(performance), () => void heard.push(whose.getStore()))
  await Promise.all(['a', 'b'].map((name) => whose.run(name, () => told.put(name, Buffer.alloc(1)))))
  assert.deepEqual(heard.sort(), ['a', 'b'])
})
