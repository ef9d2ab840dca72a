import { asLine, inPath, saidOne, saidPage } from './answers.ts'
import { table } from './screen.ts'
import type { Verb } from './verb.ts'

const NAMED = [{ name: '<id>', says: 'what the upload was answered with' }] as const
type Json = Readonly<Record<string, unknown>>

export const BATCH_VERBS: readonly Verb[] = [
  {
    words: ['batch', 'list'],
    says: 'list uploads of files, newest first',
    forTenant: true,
    example: 'batch list --tenant acme',
    async act(call) {
      const members = ['batch_id', 'dataset', 'format', 'status', 'accepted', 'rejected', 'created_at']
      return saidPage(await call.ask('GET', '/v1/batches'), members, 'No file was uploaded yet.')
    },
  },
  {
    words: ['batch', 'show'],
    says: 'how far an upload is',
    takes: NAMED,
    forTenant: true,
    example: 'batch show 0193d5a8-7c00-7000-8000-000000000000 --tenant acme',
    act: async (call) => saidOne(await call.ask('GET', `/v1/batches/${inPath(call.argument(0))}`)),
  },
  {
    words: ['batch', 'results'],
    says: 'the rows of an upload that were rejected, by line; with --json as NDJSON',
    takes: NAMED,
    forTenant: true,
    example: 'batch results 0193d5a8-7c00-7000-8000-000000000000 --tenant acme',
    async act(call) {
      const { text } = await call.ask('GET', `/v1/batches/${inPath(call.argument(0))}/results`)
      const rows = text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => {
          const {
            line: at,
            event_id,
            code,
            errors = [],
          } = JSON.parse(line) as Json & { readonly errors?: readonly Json[] }
          return [at, event_id, code, errors[0]?.['pointer'], errors[0]?.['message']]
        })
      const headings = ['line', 'event_id', 'code', 'pointer', 'message']
      return { json: text === '' ? '' : asLine(text), text: [table(headings, rows, 'No row was rejected.')] }
    },
  },
]
