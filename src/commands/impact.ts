import { asLine, inPath, objectOf } from './answers.ts'
import { schemaId } from './entity.ts'
import { wholeOf } from './numbers.ts'
import { apart, cell, table, type Text } from './screen.ts'
import { Mistaken, type Verb } from './verb.ts'

type Json = Readonly<Record<string, unknown>>

const listOf = (from: unknown, name: string): readonly Json[] => {
  const found = (from as Json | undefined)?.[name]
  return Array.isArray(found) ? (found as Json[]) : []
}

/** What binding would do, for people: the columns, what would break, how many events would pass, and some that would not. */
function impactText(impact: Json): Text {
  const changes = ['added', 'widened', 'renamed', 'relaxed', 'dropped'].flatMap((change) =>
    listOf(impact['columns'], change).map(({ pointer, type, from, to }) => [change, pointer, from ?? type, to]),
  )
  const counts = ['rows', 'dead_letters'].map((name) => {
    const { sampled, passed, failed, unsure } = (impact[name] ?? {}) as Json
    return [name.replace('_', ' '), sampled, passed, failed, unsure]
  })
  const breaking = listOf(impact, 'breaking').map(({ pointer, reason }) => [pointer, reason])
  const examples = listOf(impact, 'examples').flatMap(({ of, event_id, errors, unsure }) =>
    listOf({ errors }, 'errors').map(({ pointer, message }) => [
      `${cell(of).replace('_', ' ')}${unsure === true ? ', maybe' : ''}`,
      event_id,
      pointer,
      message,
    ]),
  )
  const parts = [
    table(['column', 'pointer', 'type', 'becomes'], changes, 'The columns stay as they are.'),
    ...(breaking.length === 0 ? ['Nothing would break.\n'] : [table(['would break', 'reason'], breaking, '')]),
    table(['judged', 'sampled', 'pass', 'fail', 'unsure'], counts, ''),
  ]
  if (Number(((impact['rows'] ?? {}) as Json)['unsure']) > 0)
    parts.push('Unsure: what the table keeps does not tell in which of two ways the event was written.\n')
  if (examples.length > 0) parts.push(table(['what', 'event_id', 'pointer', 'message'], examples, ''))
  if (impact['complete'] === false)
    parts.push('Time was up before all of them were judged: ask with a smaller --last.\n')
  return apart(parts)
}

export const IMPACT_VERBS: readonly Verb[] = [
  {
    words: ['schema', 'impact'],
    says: 'what binding a dataset to a schema, draft or published, would do; changes nothing',
    takes: [{ name: '<schema>', says: 'its uri or id' }],
    options: [
      { flags: '--dataset <dataset>', says: 'which one, by slug or id' },
      { flags: '--last <n>', says: 'how many of the newest rows and dead letters are judged; without it 1,000' },
    ],
    forTenant: true,
    example: 'schema impact https://example.com/schemas/page-view/2 --dataset page-views --tenant acme',
    async act(call) {
      const dataset = call.option('dataset')
      if (dataset === undefined) throw new Mistaken('Name the dataset: --dataset <slug or id>.')
      const body = { dataset, last: wholeOf(call, 'last') }
      const id = inPath(await schemaId(call, call.argument(0)))
      const answered = await call.ask('POST', `/v1/schemas/${id}/impact`, { body, timeoutMs: 60_000 })
      return { json: asLine(answered.text), text: impactText(objectOf(answered)) }
    },
  },
]
