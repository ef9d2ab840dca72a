import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Unanswered, type Answered } from '../client/index.ts'
import { objectOf } from './answers.ts'
import { batchesOf, type Batch } from './gathered.ts'
import { linesOf } from './lines.ts'
import { patienceOf, waitOf } from './patience.ts'
import { table } from './screen.ts'
import { Mistaken, Refused, type Call, type Said, type Verb } from './verb.ts'

interface Verdict {
  readonly event_id: string | null
  readonly status: 'accepted' | 'rejected' | 'failed'
  readonly code?: string
  readonly errors?: readonly { readonly pointer: string; readonly message: string }[]
}
interface Rejection {
  readonly at: number
  readonly event_id: string | null
  readonly code: string
  readonly errors: Verdict['errors']
}

/** Rejections that are told one by one; all are counted. */
const MOST_TOLD = 1_000
const MOST_SHOWN = 20

/** Sends until each event has its verdict, and tells which were rejected. */
async function send(call: Call): Promise<Said> {
  const file = call.argument(0)
  const patienceMs = patienceOf(call)
  const told: Rejection[] = []
  const sent = { accepted: 0, rejected: 0, from: 1 }
  call.ifStopped(() => soFar(sent))
  for await (const batch of batchesOf(linesOf(await call.open(file), file), call.option('dataset'))) {
    sent.from = batch.places[0] ?? sent.from
    const verdicts = await deliver(call, batch, { patienceMs, sent })
    for (const [index, { status, event_id, code, errors }] of verdicts.entries()) {
      if (status === 'accepted') sent.accepted += 1
      else {
        sent.rejected += 1
        const at = batch.places[index] ?? 0
        if (told.length < MOST_TOLD) told.push({ at, event_id, code: code ?? status, errors: errors ?? [] })
      }
    }
    call.progress(`${sent.accepted.toLocaleString('en')} accepted, ${sent.rejected.toLocaleString('en')} rejected`)
  }
  const { accepted, rejected } = sent
  if (accepted + rejected === 0) throw new Mistaken(`There are no events in ${file}.`)
  const rows = told
    .slice(0, MOST_SHOWN)
    .map(({ at, code, errors: [first] = [] }) => [at, code, first?.pointer, first?.message])
  const sum = `${accepted.toLocaleString('en')} accepted, ${rejected.toLocaleString('en')} rejected\n`
  const unseen = rejected > rows.length ? `and ${(rejected - rows.length).toLocaleString('en')} more\n` : ''
  return {
    json: `${JSON.stringify({ accepted, rejected, rejections: told })}\n`,
    text: rejected === 0 ? [sum] : [sum, '\n', table(['line', 'code', 'pointer', 'message'], rows, ''), unseen],
    isPartial: rejected > 0,
  }
}

/** What was sent of a file: `from` is where the batch began that is under way. */
interface Sent {
  readonly accepted: number
  readonly from: number
}
const soFar = ({ accepted, from }: Sent): string =>
  `${accepted.toLocaleString('en')} events were accepted; those from ${from} on were not, or may not have been.`

/**
 * The verdicts of a batch, which is sent again, with the same ids, while some of it may still come to be accepted.
 * Rejects with what the last try met, once `patienceMs` are over.
 */
async function deliver(
  call: Call,
  { body }: Batch,
  { patienceMs, sent }: { readonly patienceMs: number; readonly sent: Sent },
): Promise<readonly Verdict[]> {
  // Ids that the events do not bring are derived from this one, so that a repeat is the same events.
  const headers = { 'idempotency-key': randomUUID() }
  const content = { type: 'application/x-ndjson', data: body }
  const givesUpAt = performance.now() + patienceMs
  for (let tries = 0; ; tries += 1) {
    const heard = await call.hear('POST', '/v1/collect', { content, headers }).catch((error: unknown) => {
      if (error instanceof Unanswered) return error
      throw error
    })
    const verdicts = heard instanceof Unanswered ? undefined : verdictsOf(heard)
    if (verdicts?.every(({ status }) => status !== 'failed')) return verdicts
    const isFinal = !(heard instanceof Unanswered) && !isLater(heard)
    const waitMs = waitOf(heard, tries)
    if (isFinal || performance.now() + waitMs > givesUpAt) {
      if (!isFinal || sent.accepted > 0) call.note(soFar(sent))
      throw heard instanceof Unanswered ? heard : new Refused(heard)
    }
    call.progress(`waiting for the API, ${Math.ceil(waitMs / 1000)} s`)
    await sleep(waitMs)
  }
}

const verdictsOf = (answered: Answered): readonly Verdict[] | undefined => {
  const { results } = objectOf(answered)
  return Array.isArray(results) ? (results as Verdict[]) : undefined
}
const isLater = ({ status }: Answered): boolean => status === 429 || status === 503

export const EVENT_VERBS: readonly Verb[] = [
  {
    words: ['events', 'send'],
    says: 'send events, and say which were not accepted',
    takes: [{ name: '<file>', says: 'NDJSON, a JSON array or one JSON object; - reads standard input' }],
    options: [
      {
        flags: '--dataset <slug>',
        says: 'where they belong: each is then the data of an event; without it each is a whole event {dataset, event_id?, data}',
      },
      {
        flags: '--patience <seconds>',
        says: 'how long to try again where the API is away or sheds load; without it 60',
      },
    ],
    forTenant: true,
    example: 'events send visits.ndjson --dataset page-views --tenant acme',
    act: send,
  },
]
