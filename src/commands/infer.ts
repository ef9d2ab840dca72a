import { asLine, itemsIn, objectOf } from './answers.ts'
import { DELIMITER, delimiterOf } from './delimiter.ts'
import { saidByName } from './files.ts'
import { readWhole } from './input.ts'
import { cell, table } from './screen.ts'
import { Mistaken, type Verb } from './verb.ts'

const MOST_BYTES = 4 << 20
const TYPES: Readonly<Record<string, string>> = {
  csv: 'text/csv',
  ndjson: 'application/x-ndjson',
  json: 'application/json',
}

/** What is sent of the samples: by their file's name, else by their first line: one that is a whole JSON object is one of many. */
function sentOf(name: string, bytes: Buffer, type: string | undefined) {
  const { kind, coding } = saidByName(name)
  if (coding === undefined) {
    const said = kind === 'json' ? undefined : kind // .json may be lines of it
    return { type: TYPES[type ?? said ?? ''] ?? typeBy(bytes), headers: {} }
  }
  const found = TYPES[type ?? kind ?? '']
  if (found !== undefined) return { type: found, headers: { 'content-encoding': coding } }
  throw new Mistaken(`What is in ${name} its name does not say: --type ${Object.keys(TYPES).join(', ')}.`)
}

function typeBy(bytes: Buffer): string {
  const text = bytes.toString('utf8').trim()
  if (!/^[{[]/.test(text)) return TYPES['csv'] as string
  try {
    JSON.parse(text)
    return TYPES['json'] as string
  } catch {
    return TYPES['ndjson'] as string
  }
}

export const INFER_VERBS: readonly Verb[] = [
  {
    words: ['schema', 'infer'],
    says: 'propose a definition that fits sample events, ready to edit and to create',
    takes: [{ name: '<file>', says: 'JSON, NDJSON or CSV, also .gz and .zst, up to 4 MiB; - reads standard input' }],
    options: [
      {
        flags: '--type <type>',
        says: 'what the file is; without it by its name and its beginning',
        choices: ['json', 'ndjson', 'csv'],
      },
      DELIMITER,
    ],
    forTenant: true,
    example: 'schema infer visits.ndjson --tenant acme > page-view.json',
    async act(call) {
      const file = call.argument(0)
      if (saidByName(file).kind === 'parquet')
        throw new Mistaken('Parquet is not read here: give some of its rows as NDJSON or CSV.')
      const part = ` A part of it is enough: head -n 5000 ${cell(file)} | pulse schema infer -`
      const data = await readWhole(await call.open(file), file, MOST_BYTES, part)
      if (data.length === 0) throw new Mistaken(`There is nothing in ${file}.`)
      const { type, headers } = sentOf(file, data, call.option('type'))
      const answered = await call.ask('POST', '/v1/schemas/infer', {
        content: { type, data },
        headers,
        query: { delimiter: delimiterOf(call, file) },
      })
      const { definition, samples } = objectOf(answered)
      const notes = itemsIn(answered, 'notes').map(({ pointer, keyword, message }) => [pointer, keyword, message])
      call.note(`From ${String(samples)} samples.`)
      if (notes.length > 0) call.note(table(['pointer', 'keyword', 'note'], notes, ''))
      // The definition alone, so that it can go into a file; what is remarked goes beside it.
      return {
        json: asLine(answered.text),
        text: [`${JSON.stringify(definition, undefined, 2)}\n`],
      }
    },
  },
]
