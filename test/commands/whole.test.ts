import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import type { Call, Verb } from '../../src/commands/verb.ts'
import { VERBS } from '../../src/commands/verbs.ts'
import { withApi } from '../kit/api-server.ts'
import { ownFolder } from '../kit/folder.ts'

const ID = '0193d5a8-7c00-7000-8000-000000000000'
/** All that any answer may have that a verb looks at. */
const ANSWER = {
  ...{ id: ID, status: 'done', accepted: 1, rejected: 1, problem: null, definition: {}, samples: 1, composed: {} },
  ...{ items: [{ id: ID }], next_cursor: null, columns: [], rows: [], results: [{ status: 'accepted' }] },
}
/** For probes and readers. */
const NOT_OF_VERBS = /^GET \/(health|ready|metrics\/|openapi\.json|docs.*)$/

const camel = (flag: string): string => flag.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
const flagsOf = ({ options = [] }: Verb): Map<string, string | true> =>
  new Map(
    options.map(({ flags, choices }) => {
      const [flag = '', value] = flags.slice(2).split(' ')
      return [
        camel(flag),
        value === undefined ? true : value === '<n>' || value === '<seconds>' ? '1' : (choices?.[0] ?? ID),
      ]
    }),
  )

/** What a verb asks where it is given these of its arguments and options. */
async function askedBy(verb: Verb, file: string, arguments_: number, given: ReadonlySet<string>): Promise<string[]> {
  const asked: string[] = []
  const flags = flagsOf(verb)
  const of = (name: string): string | true | undefined => (given.has(name) ? flags.get(name) : undefined)
  const ask: Call['ask'] = async (method, path) => {
    asked.push(`${method} ${path.split('?')[0]?.replaceAll(ID, '{}')}`)
    return { status: 200, headers: {}, text: JSON.stringify(ANSWER), json: ANSWER }
  }
  const call: Call = {
    argument: (at) => (at >= arguments_ ? '' : /file/.test(verb.takes?.[at]?.name ?? '') ? file : ID),
    option: (name) => (/^(metadata|data)$/.test(name) && given.has(name) ? file : (of(name) as string | undefined)),
    every: (name) => (given.has(name) ? [String(flags.get(name))] : []),
    isGiven: (name) => given.has(name) && flags.has(name),
    ask,
    hear: ask,
    open: async () => Readable.from([Buffer.from('{}')]),
    progress: () => undefined,
    note: () => undefined,
    ifStopped: () => undefined,
  }
  await verb.act(call).catch(() => undefined) // not every choice of options is one
  return asked
}

test('whatever the API can be asked, a verb asks', async (t) => {
  const file = join(await ownFolder(t), 'some.json')
  await writeFile(file, '{}')
  const asked = new Set<string>()
  for (const verb of VERBS) {
    const all = [...flagsOf(verb).keys()]
    const choices = [[], all, ...all.flatMap((one) => all.map((other) => [one, other]))]
    for (const count of [0, verb.takes?.length ?? 0])
      for (const given of choices) for (const one of await askedBy(verb, file, count, new Set(given))) asked.add(one)
  }
  const api = await withApi(t)
  const { paths } = (await (await fetch(`${api.url}/openapi.json`)).json()) as {
    paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  }
  const operations = Object.entries(paths).flatMap(([path, item]) =>
    Object.keys(item)
      .filter((method) => /^(get|post|patch|put|delete)$/.test(method))
      .map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{\w+\}/g, '{}')}`),
  )
  assert.ok(operations.length > 40, `${operations.length} operations`)
  const missing = operations.filter((operation) => !NOT_OF_VERBS.test(operation) && !asked.has(operation))
  assert.deepEqual(missing, [])
})
