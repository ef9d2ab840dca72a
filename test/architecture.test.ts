import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { test } from 'node:test'

/**
 * The walls of the house. Rooms may import what this map lists, through doors only. The nouns are
 * pure, the places know no acts, the planes only wire (docs/concepts/rooms.md).
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  problems: [],
  tenancy: [],
  config: [],
  bus: [],
  lake: [],
  event: ['problems'],
  telemetry: ['event', 'tenancy'],
  store: ['tenancy', 'problems'],
  // `telemetry`: whoever watches the places says when one goes away; `event`, `tenancy`: what they did, when and in which trace.
  places: ['config', 'bus', 'lake', 'store', 'problems', 'telemetry', 'event', 'tenancy'],
  // `store`: what is left of an allowance is shared through Postgres.
  limits: ['problems', 'store'],
  // `store`: keys are rows under the tenant's policy; `tenancy`: the canary's tenant has one from the first migration on.
  keys: ['config', 'event', 'limits', 'problems', 'store', 'tenancy'],
  pdm: ['event', 'problems', 'lake'],
  // `batch`: a sample of CSV is read as the file is when it is sent.
  infer: ['batch', 'event', 'pdm', 'problems'],
  upkeep: ['store', 'lake', 'bus', 'event', 'tenancy', 'telemetry'],
  registry: ['pdm', 'event', 'limits', 'problems', 'tenancy', 'store', 'bus', 'lake', 'upkeep', 'telemetry'],
  // `registry`: lists are paged in one way.
  audit: ['event', 'registry', 'store'],
  collect: ['event', 'pdm', 'problems', 'tenancy', 'bus', 'registry', 'telemetry'],
  // `collect`: a dead letter goes again the way that every event goes; `pdm`: which of its sentences quote an event.
  outcomes: ['collect', 'event', 'pdm', 'problems', 'store', 'bus'],
  ingest: ['event', 'pdm', 'tenancy', 'store', 'bus', 'lake', 'upkeep', 'registry', 'telemetry', 'problems'],
  // Rows go the way of all events, so `collect`; what a CSV cell becomes is what the dataset's schema says, so `registry`.
  batch: ['collect', 'event', 'lake', 'problems', 'registry', 'store'],
  preview: ['lake', 'store', 'registry', 'problems', 'tenancy', 'event', 'telemetry'],
  // What a new version would do: the registry's plan, and the rows and dead letters that it is held against.
  impact: ['lake', 'pdm', 'preview', 'problems', 'registry', 'store'],
  api: [
    'batch',
    'audit',
    'bus',
    'collect',
    'config',
    'event',
    'impact',
    'infer',
    'keys',
    'lake',
    'limits',
    'outcomes',
    'pdm',
    'places',
    'preview',
    'problems',
    'registry',
    'store',
    'telemetry',
    'tenancy',
    'upkeep',
  ],
  worker: [
    'audit',
    'bus',
    'config',
    'event',
    'ingest',
    'lake',
    'pdm',
    'places',
    'problems',
    'registry',
    'store',
    'telemetry',
    'tenancy',
    'upkeep',
  ],
  // The public door, from outside: anybody's.
  client: [],
  // Verbs for people; `start`: what runs on the data folder; `event`: how JSON text is cut into events.
  commands: ['client', 'config', 'event', 'start'],
  // A client of the public door: what it may know of Pulse is what anybody may.
  canary: ['client', 'config', 'event', 'tenancy', 'telemetry'],
  // A client, too, that also asks the machine and Postgres; `canary`: it sends the canary's kind of event to its dataset;
  // `start`: what runs on the data folder, and where.
  // `bus`, `places`: from a row to the record that it was.
  doctor: ['bus', 'canary', 'client', 'config', 'event', 'places', 'start', 'store', 'tenancy'],
  // `lake`: the demo reads the table's files with its own eyes.
  start: ['client', 'config', 'event', 'keys', 'store', 'bus', 'telemetry', 'problems', 'tenancy', 'lake'],
}

const BANNED_NAMES = /^(utils?|helpers?|common|shared|misc|types)$/

/**
 * Where the outside world may be touched directly. Time, chance and the console have one home each,
 * so that a test can hold them; the further places are listed with their reason.
 */
const HOMES: readonly {
  readonly name: string
  readonly word: RegExp
  readonly homes: Readonly<Record<string, string>>
}[] = [
  { name: 'process.env', word: /\bprocess\.env\b/, homes: { 'src/config/load.ts': 'the home' } },
  { name: 'console', word: /\bconsole\./, homes: {} },
  {
    name: 'Math.random',
    word: /\bMath\.random\b/,
    homes: {
      'src/ingest/ingest.ts': 'the default of a chance that tests replace',
      'src/ingest/settle.ts': 'jitter between attempts',
    },
  },
  {
    name: 'Date.now',
    word: /\bDate\.now\b/,
    homes: {
      'src/event/clock.ts': 'the home',
      'src/event/ids.ts': 'the default of an instant that tests replace',
      'src/bus/embedded/start.ts': 'the default of a clock that tests replace',
      'src/bus/client.ts': 'the time that records carry, handed to the publisher',
      'src/worker/run.ts': 'handed to upkeep, which takes its clock from outside',
    },
  },
]

/**
 * Source files that no test of their own room loads, each with the reason. All others have a test of their
 * own name, or are run by one of their room's tests through what they belong to.
 */
const TESTED_ELSEWHERE: Readonly<Record<string, string>> = {
  'src/batch/parquet-process.ts': 'a process of its own that nothing imports: test/batch/parquet.test.ts runs it',
}

const root = resolve(import.meta.dirname, '..')

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort()
}

const sources = (await filesBelow('src')).filter((path) => path.endsWith('.ts'))
const texts = new Map(
  await Promise.all(sources.map(async (path) => [path, await readFile(join(root, path), 'utf8')] as const)),
)

/** Without comments, so that prose may name what code may not. Strings stay: a `//` in one ends its line, harmlessly. */
const codeOf = (text: string): string => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[\s;{(,])\/\/.*$/gm, '$1')

const roomOf = (path: string): string | undefined => /^src\/([^/]+)\//.exec(path)?.[1]

interface Import {
  readonly from: string
  readonly to: string
  readonly typeOnly: boolean
}

const IMPORT =
  /\b(?:import|export)\s+(type\s)?[^'";]*?from\s+['"](\.{1,2}\/[^'"]+)['"]|\bimport\(\s*['"](\.{1,2}\/[^'"]+)['"]/g

function importsOf(from: string, text: string): Import[] {
  return [...codeOf(text).matchAll(IMPORT)].map((found) => ({
    from,
    to: relative(root, resolve(root, dirname(from), found[2] ?? found[3] ?? ''))
      .split(sep)
      .join('/'),
    typeOnly: found[1] !== undefined,
  }))
}

const imports: readonly Import[] = [...texts].flatMap(([from, text]) => importsOf(from, text))

test('the tree is read: rooms, files and imports are found', () => {
  assert.ok(sources.length > 20 && imports.length > 40, `${sources.length} files, ${imports.length} imports`)
})

test('every room is on the map, and every room of the map exists', () => {
  const rooms = new Set(sources.map(roomOf).filter((room) => room !== undefined))
  assert.deepEqual([...rooms].sort(), Object.keys(MAY_IMPORT).sort())
})

test('rooms import only what the map allows, and through the door', () => {
  const wrong = imports.flatMap(({ from, to }) => {
    const [here, there] = [roomOf(from), roomOf(to)]
    if (there === undefined || here === there) return []
    if (to !== `src/${there}/index.ts`) return [`${from} passes by the door: ${to}`]
    return here === undefined || MAY_IMPORT[here]?.includes(there) ? [] : [`${from} may not import ${there}`]
  })
  assert.deepEqual(wrong, [])
})

test('every import names a file that exists', () => {
  assert.deepEqual(
    imports.filter(({ to }) => !existsSync(join(root, to))).map(({ from, to }) => `${from}: ${to}`),
    [],
  )
})

test('the map has no cycle', () => {
  const visit = (room: string, path: readonly string[]): void => {
    assert.ok(!path.includes(room), `cycle: ${[...path, room].join(' > ')}`)
    for (const next of MAY_IMPORT[room] ?? []) visit(next, [...path, room])
  }
  for (const room of Object.keys(MAY_IMPORT)) visit(room, [])
})

test('no files import each other in a circle', () => {
  const graph = new Map<string, string[]>()
  for (const { from, to, typeOnly } of imports) if (!typeOnly) graph.set(from, [...(graph.get(from) ?? []), to])
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]): void => {
    assert.ok(!path.includes(file), `cycle: ${[...path, file].join(' > ')}`)
    if (done.has(file)) return
    for (const next of graph.get(file) ?? []) visit(next, [...path, file])
    done.add(file)
  }
  for (const file of graph.keys()) visit(file, [])
})

test('inside a room nobody imports the room’s own door', () => {
  const wrong = imports.filter(({ from, to }) => roomOf(from) === roomOf(to) && to === `src/${roomOf(to)}/index.ts`)
  assert.deepEqual(
    wrong.map(({ from }) => from),
    [],
  )
})

test('no folder or file is called by a name that says nothing', async () => {
  const paths = [...sources, ...(await filesBelow('test')), ...(await filesBelow('scripts'))]
  const wrong = paths.filter((path) =>
    path.split('/').some((part) => BANNED_NAMES.test(part.replace(/(\.test)?\.[a-z]+$/, ''))),
  )
  assert.deepEqual(wrong, [])
})

for (const { name, word, homes } of HOMES) {
  test(`${name} is used only at home`, () => {
    const users = [...texts].filter(([, text]) => word.test(codeOf(text))).map(([path]) => path)
    assert.deepEqual(
      users.filter((path) => homes[path] === undefined),
      [],
    )
    assert.deepEqual(
      Object.keys(homes).filter((path) => !users.includes(path)),
      [],
      'homes that nobody lives in',
    )
  })
}

test('a file that passes 400 lines holds two ideas', () => {
  const long = [...texts]
    .map(([path, text]) => [path, text.split('\n').length - 1] as const)
    .filter(([, lines]) => lines > 400)
  assert.deepEqual(long, [])
})

test('nothing is exported by default, and no class stands where a function would do', () => {
  assert.deepEqual(
    [...texts].filter(([, text]) => /^export default\b/m.test(codeOf(text))).map(([path]) => path),
    [],
  )
})

/** What each file gives and what it takes, by name. `*` takes everything, and so does whoever loads a file later. */
function namesOf(from: string, text: string): { gives: string[]; takes: { from: string; name: string }[] } {
  const code = codeOf(text)
  const gives = [...code.matchAll(/^export (?:async )?(?:function\*?|const|let|class|interface|type) (\w+)/gm)].map(
    (found) => found[1] ?? '',
  )
  const takes: { from: string; name: string }[] = []
  const listed = (list: string): string[][] =>
    list.split(',').flatMap((item) =>
      item.trim() === ''
        ? []
        : [
            item
              .trim()
              .replace(/^type /, '')
              .split(' as '),
          ],
    )
  for (const [, how, list, path] of code.matchAll(
    /\b(import|export)\s+(?:type\s+)?(\{[^}]*\}|\*(?: as \w+)?)\s+from '(\.[^']+)'/g,
  )) {
    const to = join(dirname(from), path ?? '')
      .split(sep)
      .join('/')
    for (const [name = '', as = name] of listed((list ?? '').replace(/[{}]/g, ''))) {
      takes.push({ from: to, name: name.startsWith('*') ? '*' : name })
      if (how === 'export') gives.push(as)
    }
  }
  for (const [, path] of code.matchAll(/\bimport\(\s*'(\.[^']+)'/g))
    takes.push({
      from: join(dirname(from), path ?? '')
        .split(sep)
        .join('/'),
      name: '*',
    })
  return { gives, takes }
}

test('what nobody imports is not exported', async () => {
  const others = (
    await Promise.all(['test', 'bench', 'soak', 'chaos', 'scripts', 'observability', '.ci'].map(filesBelow))
  ).flat()
  const read = async (path: string): Promise<[string, string]> => [path, await readFile(join(root, path), 'utf8')]
  const all = new Map([...texts, ...(await Promise.all(others.filter((path) => path.endsWith('.ts')).map(read)))])
  const names = [...all].map(([path, text]) => ({ path, ...namesOf(path, text) }))
  const taken = new Set(names.flatMap(({ takes }) => takes.map(({ from, name }) => `${from} ${name}`)))
  // A door that passes everything on: what is taken from it is taken from there.
  for (const { path, takes } of names.filter(({ path }) => path.endsWith('/index.ts')))
    for (const { from, name } of takes)
      if (name === '*')
        for (const word of [...taken]) if (word.startsWith(`${path} `)) taken.add(word.replace(path, from))
  const isTaken = (path: string, name: string): boolean =>
    taken.has(`${path} ${name}`) || taken.has(`${path} *`) || path === 'src/main.ts' || path.startsWith('test/proofs/')
  const unused = names.flatMap(({ path, gives }) =>
    gives.filter((name) => name !== '*' && !isTaken(path, name)).map((name) => `${path}: ${name}`),
  )
  assert.deepEqual(unused, [])
})

/** What a file loads, itself and through others. */
function loadedBy(start: string, graph: ReadonlyMap<string, readonly string[]>): Set<string> {
  const loaded = new Set<string>()
  const queue = [start]
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (loaded.has(file)) continue
    loaded.add(file)
    queue.push(...(graph.get(file) ?? []))
  }
  return loaded
}

test('every source file is run by a test of its room, or says why not', async () => {
  const tests = (await filesBelow('test')).filter((path) => path.endsWith('.ts'))
  const graph = new Map<string, string[]>()
  for (const { from, to } of imports) graph.set(from, [...(graph.get(from) ?? []), to])
  for (const path of tests)
    graph.set(
      path,
      importsOf(path, await readFile(join(root, path), 'utf8')).map(({ to }) => to),
    )
  const runs = new Map<string, Set<string>>()
  for (const path of tests.filter((name) => name.endsWith('.test.ts'))) {
    const room = path.split('/')[1] ?? ''
    for (const file of loadedBy(path, graph))
      if (roomOf(file) === room) runs.set(room, (runs.get(room) ?? new Set()).add(file))
  }
  const without = sources.filter((path) => {
    const room = roomOf(path)
    return room !== undefined && !runs.get(room)?.has(path) && !(path in TESTED_ELSEWHERE)
  })
  assert.deepEqual(without, [])
  const stale = Object.keys(TESTED_ELSEWHERE).filter(
    (path) => !texts.has(path) || runs.get(roomOf(path) ?? '')?.has(path),
  )
  assert.deepEqual(stale, [], 'exceptions that are none')
})

test('a test that is named after a source file is named after one that exists', async () => {
  const named = (await filesBelow('test')).filter(
    (path) => path.endsWith('.test.ts') && sources.some((from) => roomOf(from) === path.split('/')[1]),
  )
  const mirrored = named.filter((path) => texts.has(path.replace(/^test\//, 'src/').replace(/\.test\.ts$/, '.ts')))
  assert.ok(
    mirrored.length > named.length / 2,
    `${mirrored.length} of ${named.length} tests in rooms are named after a file of the room`,
  )
})
