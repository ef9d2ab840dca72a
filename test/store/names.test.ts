import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { openStore, openWaitingStore, TRANSACTION_NAMES, type FinishedTransaction } from '../../src/store/index.ts'
import { QUERIES } from '../../src/telemetry/catalog/process.ts'
import { currentContext, runWith } from '../../src/tenancy/index.ts'
import { withPostgres } from '../kit/postgres.ts'
import { until } from '../kit/until.ts'

const A = '0190aaaa-0000-7000-8000-00000000000a'
const SRC = join(import.meta.dirname, '../../src')

test("the store's names are the catalogue's queries, no more and no fewer", () => {
  assert.deepEqual(TRANSACTION_NAMES, QUERIES)
})

/** The text of each call of these methods, to its closing bracket; strings hold no brackets that matter here. */
function callsIn(text: string): string[] {
  return [...text.matchAll(/\.(asTenant|asSystem|callAsTenant)(<[^(]*>)?\(/g)].map(({ index }) => {
    const from = text.indexOf('(', index)
    let depth = 0
    for (let at = from; at < text.length; at += 1) {
      if (text[at] === '(') depth += 1
      if (text[at] === ')' && --depth === 0) return text.slice(index, at + 1)
    }
    return text.slice(index)
  })
}

test('every transaction of the product says what it is for, and every name is used', async () => {
  const files = (await readdir(SRC, { recursive: true })).filter((file) => file.endsWith('.ts'))
  const used = new Set<string>(['other'])
  let calls = 0
  for (const file of files) {
    const text = await readFile(join(SRC, file), 'utf8')
    // Those that hand on what they were given are no callers.
    if (file === join('store', 'store.ts'))
      for (const [, name] of text.matchAll(/name: '(ping)'/g)) used.add(String(name))
    if (file === join('store', 'store.ts') || file === join('store', 'waiting.ts')) continue
    for (const call of callsIn(text)) {
      const name = /\bname: '(\w+)'[^{}]*\},?\s*\)$/.exec(call)?.[1]
      assert.ok(name !== undefined, `${file}: ${call.slice(0, 120)} … names no query`)
      used.add(name)
      calls += 1
    }
  }
  assert.ok(calls > 50, `${calls} calls found`)
  assert.deepEqual([...used].sort(), [...TRANSACTION_NAMES].sort())
})

test('each transaction is told once when it has ended, whatever its end, in the context of its caller', async (t) => {
  const { appUrl } = await withPostgres(t)
  const told: (FinishedTransaction & { requestId: string | undefined })[] = []
  await using store = await openStore({
    url: appUrl,
    poolSize: 1,
    applicationName: 'pulse test',
    onFinished: (one) => void told.push({ ...one, requestId: currentContext()?.requestId }),
  })
  told.length = 0
  const asking = <T>(requestId: string, act: () => Promise<T>) =>
    runWith({ tenantId: A, tenantSlug: 'acme', requestId }, act)
  await Promise.all([
    asking('1', () => store.asTenant(A, async (sql) => sql.query('SELECT pg_sleep(0.1)'), { name: 'entity' })),
    asking('2', () => store.callAsTenant(A, 'SELECT 1', [], { name: 'ledger' })),
  ])
  await assert.rejects(asking('3', () => store.callAsTenant(A, 'SELECT 1/0', [], { name: 'commit' })))
  await assert.rejects(asking('4', () => store.asSystem(() => Promise.reject(new Error('no')), { name: 'tenant' })))
  await asking('5', () => store.asSystem(async () => 'unnamed'))
  await asking('6', () => store.ping(1_000))
  assert.deepEqual(
    told.map(({ name, outcome, requestId }) => [requestId, name, outcome]),
    [
      ['1', 'entity', 'ok'],
      ['2', 'ledger', 'ok'],
      ['3', 'commit', 'failed'],
      ['4', 'tenant', 'failed'],
      ['5', 'other', 'ok'],
      ['6', 'ping', 'ok'],
    ],
  )
  assert.ok((told[1]?.tookMs ?? 0) >= 90, 'the wait for the one connection is part of it')
})

test('the pool says who has a connection and who waits for one, at once', async (t) => {
  const { appUrl } = await withPostgres(t)
  let isAway = true
  const back = Promise.withResolvers<void>()
  await using store = await openWaitingStore(
    () => {
      if (isAway) throw new Error('away on purpose')
      return openStore({ url: appUrl, poolSize: 2, applicationName: 'pulse test' })
    },
    { onBack: back.resolve, onRefused: () => undefined },
  )
  assert.equal(store.pool(), undefined, 'nothing is known before it was opened')
  isAway = false
  await back.promise
  assert.deepEqual(store.pool(), { idle: 1, busy: 0, waiting: 0, max: 2 })
  const gate = Promise.withResolvers<void>()
  const held = [1, 2, 3].map(() => store.asSystem(() => gate.promise, { name: 'other' }))
  await until('two have one', () => isDeepStrictEqual(store.pool(), { idle: 0, busy: 2, waiting: 1, max: 2 }))
  gate.resolve()
  await Promise.all(held)
  assert.deepEqual(store.pool(), { idle: 2, busy: 0, waiting: 0, max: 2 })
})
