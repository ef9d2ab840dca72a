import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { generated } from '../observability/generate.ts'
import { settingsDocument } from '../src/config/index.ts'
import { commandsDocument } from '../src/commands/index.ts'
import { program } from '../src/main.ts'
import { LOG, type AnnouncementName } from '../src/telemetry/index.ts'
import { metricsDocument } from './metrics-page.ts'
import { allProofs } from '../test/proofs/all.ts'
import type { Proof } from '../test/proofs/proof.ts'

/** Everything in git that is derived from source: rendered here, compared by a test, written by `npm run check -- --write`. */
interface Generated {
  readonly path: string
  readonly text: string
}

const root = resolve(import.meta.dirname, '..')
const read = (path: string): Promise<string> => readFile(join(root, path), 'utf8')

/** Renders all of it. Reads the tree, writes nothing. */
export async function generateAll(): Promise<readonly Generated[]> {
  return [
    { path: 'docs/reference/settings.md', text: settingsDocument() },
    { path: 'docs/reference/commands.md', text: commandsDocument(await program(), NOTICE) },
    { path: 'docs/reference/metrics.md', text: metricsDocument(NOTICE) },
    { path: 'docs/reference/announcements.md', text: announcementsDocument(await read('src/telemetry/announce.ts')) },
    { path: 'docs/reference/proofs.md', text: proofsDocument(await allProofs()) },
    { path: 'docs/decisions/README.md', text: await decisionsDocument() },
    ...generated(),
  ]
}

const NOTICE = '<!-- Generated from source by `npm run check -- --write`. Edit the source, not this page. -->'

/** The members of each announcement, read from the source that the compiler checks. */
export function announcementMembers(source: string): Map<string, string[]> {
  const body = /export interface Announcements \{([\s\S]*?)\n\}/.exec(source)?.[1] ?? ''
  const members = new Map<string, string[]>()
  for (const [, name = '', shape = ''] of body.matchAll(/'([a-z_.]+)':\s*(Record<never, never>|\{[^}]*\})/g)) {
    members.set(
      name,
      [...shape.matchAll(/(\w+)\??:/g)].map(([, member = '']) => member),
    )
  }
  return members
}

function announcementsDocument(source: string): string {
  const members = announcementMembers(source)
  const rows = (Object.keys(LOG) as AnnouncementName[]).map((name) => {
    const { level } = LOG[name]
    const said = members.get(name)
    if (said === undefined) throw new Error(`announce.ts does not declare ${name} in a way that can be read`)
    return `| \`${name}\` | ${typeof level === 'string' ? level : 'by outcome'} | ${said.map((member) => `\`${member}\``).join(', ')} |`
  })
  return [
    '# Announcements',
    '',
    NOTICE,
    '',
    'A stage says once what happened; metrics, log lines and spans are all made of that, so they cannot disagree. The name is the `event` of the',
    'log line, and no line has another. `by outcome`: `warn` or `error` where something failed, `info` or `debug` where not (of requests: a collect',
    'that succeeds is `info` where it is sampled, a probe never). How members are spelled in a line, and what else is in it, is on [the page about',
    'logs](../operate/logs.md).',
    '',
    '| event | level | carries |',
    '| --- | --- | --- |',
    ...rows,
    '',
  ].join('\n')
}

async function decisionsDocument(): Promise<string> {
  const files = (await readdir(join(root, 'docs/decisions'))).filter((name) => /^\d{4}-.*\.md$/.test(name)).sort()
  const rows = await Promise.all(
    files.map(async (name) => {
      const title = /^# (.*)$/m.exec(await read(`docs/decisions/${name}`))?.[1] ?? name
      return `- [${title}](${name})`
    }),
  )
  return [
    '# Decisions',
    '',
    NOTICE,
    '',
    'One page each: what was the question, what we chose, what it costs, what would change our mind.',
    '',
    ...rows,
    '',
  ].join('\n')
}

function proofsDocument(proofs: readonly Proof[]): string {
  const rows = proofs.map(
    ({ number, promise, test, name, mutation }) =>
      `| ${number} | ${promise} | [${test.slice('test/'.length)}](../../${test}): ${name.replaceAll('|', '\\|')} | \`${mutation.file}\` |`,
  )
  return [
    '# Proofs',
    '',
    NOTICE,
    '',
    'What Pulse promises (1 to 30: its window; from 31 on: what it does), and the test that keeps each promise. Every one names a line of source that, changed, turns its test red:',
    '`npm run prove` changes each once, in a copy, and fails where that goes unnoticed (`-- --real` also those under `test/real`, which need',
    'Prometheus and Alertmanager; `-- --only 8,9` some of them).',
    '',
    '| | promise | test | line changed in |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n')
}
