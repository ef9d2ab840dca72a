import { asLine, inPath, objectOf, PAGE, saidOne, saidPage } from './answers.ts'
import { cell, table } from './screen.ts'
import { Mistaken, type Verb } from './verb.ts'

const NAMED = [{ name: '<dataset>', says: 'its slug or id' }] as const

export const DATASET_VERBS: readonly Verb[] = [
  {
    words: ['dataset', 'create'],
    says: 'make a dataset and its table, bound to a published schema',
    takes: [{ name: '<slug>', says: 'what it is called in events, and its table' }],
    options: [
      { flags: '--schema <uri>', says: 'the schema of its events' },
      { flags: '--name <name>', says: 'what people call it; without it the slug' },
    ],
    forTenant: true,
    example: 'dataset create page-views --schema https://example.com/schemas/page-view --tenant acme',
    async act(call) {
      const slug = call.argument(0)
      const schema = call.option('schema')
      if (schema === undefined) throw new Mistaken('Name the schema of its events, a published one: --schema <uri>.')
      const body = { slug, name: call.option('name') ?? slug, schema_uri: schema }
      return saidOne(await call.ask('POST', '/v1/datasets', { body }))
    },
  },
  {
    words: ['dataset', 'list'],
    says: 'list the datasets, newest first',
    options: [{ flags: '--schema <uri>', says: 'only those bound to it' }, ...PAGE],
    forTenant: true,
    example: 'dataset list --tenant acme',
    async act(call) {
      const query = { schema_uri: call.option('schema'), limit: call.option('limit'), cursor: call.option('cursor') }
      const members = ['slug', 'name', 'rows', 'files', 'bytes', 'committed_at', 'schema_uri']
      return saidPage(await call.ask('GET', '/v1/datasets', { query }), members, 'The tenant has no datasets yet.')
    },
  },
  {
    words: ['dataset', 'show'],
    says: 'show a dataset with the facts of its table',
    takes: NAMED,
    forTenant: true,
    example: 'dataset show page-views --tenant acme',
    act: async (call) => saidOne(await call.ask('GET', `/v1/datasets/${inPath(call.argument(0))}`)),
  },
  {
    words: ['dataset', 'edit'],
    says: 'give a dataset another name; its slug and table stay',
    takes: NAMED,
    options: [{ flags: '--name <name>', says: 'what people call it' }],
    forTenant: true,
    isGuarded: true,
    example: 'dataset edit page-views --name "Page views" --tenant acme',
    async act(call) {
      const name = call.option('name')
      if (name === undefined) throw new Mistaken('Say what changes: --name <name>.')
      return saidOne(await call.ask('PATCH', `/v1/datasets/${inPath(call.argument(0))}`, { body: { name } }))
    },
  },
  {
    words: ['dataset', 'bind'],
    says: 'bind a dataset to another published version of its schema: its table changes, its rows stay',
    takes: [...NAMED, { name: '<uri>', says: 'the published schema' }],
    forTenant: true,
    isGuarded: true,
    example: 'dataset bind page-views https://example.com/schemas/page-view/2 --tenant acme',
    async act(call) {
      const body = { schema_uri: call.argument(1) }
      return saidOne(await call.ask('PATCH', `/v1/datasets/${inPath(call.argument(0))}`, { body }))
    },
  },
  {
    words: ['preview'],
    says: 'show the newest rows of a dataset',
    takes: NAMED,
    options: [
      { flags: '--limit <n>', says: 'how many at most, 1 to 1,000; without it 20' },
      { flags: '--columns <names>', says: 'with commas between; without it all' },
      { flags: '--snapshot <id>', says: 'as the table was then' },
      {
        flags: '--mask <what>',
        says: 'what is labelled pii is shown as ***; without it by what the key may see',
        choices: ['pii', 'none'],
      },
    ],
    forTenant: true,
    example: 'preview page-views --limit 5 --tenant acme',
    async act(call) {
      const query = {
        limit: call.option('limit') ?? '20',
        columns: call.option('columns'),
        snapshot_id: call.option('snapshot'),
        mask: call.option('mask'),
      }
      const answered = await call.ask('GET', `/v1/datasets/${inPath(call.argument(0))}/preview`, { query })
      const { columns, rows, total_rows, snapshot_id, committed_at } = objectOf(answered)
      const names = (columns as readonly { name: string }[]).map(({ name }) => name)
      const lines = (rows as readonly Record<string, unknown>[]).map((row) => names.map((name) => row[name]))
      const of =
        snapshot_id === null
          ? ''
          : `\n${lines.length} of ${cell(total_rows)} rows, snapshot ${cell(snapshot_id)} of ${cell(committed_at)}\n`
      return { json: asLine(answered.text), text: [table(names, lines, 'The table has no rows yet.'), of] }
    },
  },
]
