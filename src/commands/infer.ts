import { asLine, itemsIn, objectOf } from './answers.ts'
import { DELIMITER, delimiterOf } from './delimiter.ts'
import { readWhole } from './input.ts'
import { cell, table } from './screen.ts'
import { Mistaken, type Verb } from './verb.ts'

const MOST_BYTES = 4 << 20
const TYPES: Readonly<Record<string, string>> = {
  csv: 'text/csv',
  ndjson: 'application/x-ndjson',
  json: 'application/json',
}

const SAME: Readonly<Record<string, string>> = { jsonl: 'ndjson', tsv: 'csv' }

/** By its name, else by its first line: one that is a whole JSON object is one of many. */
function typeOf(name: string, bytes: Buffer): string {
  const ending = /\.(csv|tsv|ndjson|jsonl)$/i.exec(name)?.[1]?.toLowerCase()
  if (ending !== undefined) return TYPES[SAME[ending] ?? ending] as string
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
    takes: [{ name: '<file>', says: 'JSON, NDJSON or CSV, up to 4 MiB; - reads standard input' }],
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
      const part = ` A part of it is enough: head -n 5000 ${cell(file)} | pulse schema infer -`
      const data = await readWhole(await call.open(file), file, MOST_BYTES, part)
      if (data.length === 0) throw new Mistaken(`There is nothing in ${file}.`)
      const type = TYPES[call.option('type') ?? ''] ?? typeOf(file, data)
      const answered = await call.ask('POST', '/v1/schemas/infer', {
        content: { type, data },
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
