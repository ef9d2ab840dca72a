import { asLine, inPath, objectOf } from './answers.ts'
import { cell, one } from './screen.ts'
import { Mistaken, type Verb } from './verb.ts'

type Json = Readonly<Record<string, unknown>>

const textOf = (value: unknown): string => cell(value) || 'unknown'

/** The first line of a receipt: what became of it, and what to do. */
function sentence({ status, snapshot_id, committed_at, dead_letter, watermark }: Json): string {
  if (status === 'committed') return `It is a row since ${textOf(committed_at)}, snapshot ${textOf(snapshot_id)}.`
  if (status === 'dead_lettered') {
    const letter = (dead_letter ?? {}) as Json
    return `It could not become a row (${textOf(letter['reason'])}): ${textOf(letter['error'])}`
  }
  if (typeof watermark !== 'string') return 'It is no row yet, and nobody can say now how far the worker is: ask again.'
  return `It is no row yet. If it was accepted before ${watermark} it is not there: send it again with the same id. If later: wait.`
}

export const RECEIPT_VERBS: readonly Verb[] = [
  {
    words: ['event'],
    says: 'what became of an event: a row, a dead letter, or not settled yet',
    takes: [{ name: '<id>', says: "the event's id" }],
    options: [{ flags: '--dataset <dataset>', says: 'where it was sent, by slug or id' }],
    forTenant: true,
    example: 'event 0193d5a8-7c00-7000-8000-000000000000 --dataset page-views --tenant acme',
    async act(call) {
      const dataset = call.option('dataset')
      if (dataset === undefined) throw new Mistaken('Name the dataset: --dataset <slug or id>.')
      const answered = await call.ask('GET', `/v1/events/${inPath(call.argument(0))}`, { query: { dataset } })
      const receipt = objectOf(answered)
      return { json: asLine(answered.text), text: [`${sentence(receipt)}\n\n`, one(receipt)] }
    },
  },
]
