import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Unanswered, type Answered } from '../client/index.ts'
import { asLine, inPath, objectOf } from './answers.ts'
import { watched } from './bar.ts'
import { DELIMITER, delimiterOf } from './delimiter.ts'
import { fileOf, FORMATS, type UploadFile } from './files.ts'
import { cell, table, type Table } from './screen.ts'
import { patienceOf, waitOf } from './patience.ts'
import { Mistaken, Refused, type Call, type Said, type Verb } from './verb.ts'

type Json = Readonly<Record<string, unknown>>

/** The server may read nothing for as long as the bus is away. */
const SILENCE_MS = 120_000
const LOOK_MS = 500

/** Uploads a file, goes on where it was cut, and tells which rows were rejected. */
async function importFile(call: Call): Promise<Said> {
  const dataset = call.option('dataset')
  if (dataset === undefined) throw new Mistaken('Name the dataset: --dataset <slug or id>.')
  const name = call.argument(0)
  const file = await fileOf(call, name, call.option('format'))
  const id = call.option('uploadId') ?? randomUUID()
  const batch = `/v1/batches/${inPath(id)}`
  const path = `/v1/datasets/${inPath(dataset)}/batch${parametersOf(call, name)}`
  const patienceMs = patienceOf(call)
  const goOn = `The same command with --upload-id ${id} goes on where it stands.`
  call.ifStopped(() => goOn)
  const isNew = call.option('uploadId') === undefined
  const sending = { file, path, batch, goOn, patienceMs, headers: { ...file.headers, 'upload-id': id } }
  let from = isNew || !file.isSeekable ? 0 : offsetOf(await call.hear('GET', batch))
  for (let settled = -1; ;) {
    await send(call, sending, from)
    const last = await finished(call, sending)
    const { status, accepted, rejected } = objectOf(last)
    const reached = Number(accepted) + Number(rejected)
    // The rows of a Parquet file go on after the answer, and who carried them may be gone: it is sent again while that helps.
    if (status !== 'interrupted' || reached <= settled) return outcome(call, last)
    settled = reached
    from = file.isSeekable ? offsetOf(last) : 0
  }
}

interface Sending {
  readonly file: UploadFile
  readonly path: string
  readonly batch: string
  readonly headers: Readonly<Record<string, string>>
  /** Said where the same command may go on. */
  readonly goOn: string
  readonly patienceMs: number
}

/** Sends the file until the API has it; what was cut goes on where it stands. */
async function send(call: Call, sending: Sending, begin: number): Promise<void> {
  const { file, path, batch, goOn, patienceMs } = sending
  let from = begin
  let givesUpAt = performance.now() + patienceMs
  for (let tries = 0; ; tries += 1) {
    const headers = { ...sending.headers, 'upload-offset': String(from) }
    const data = watched(call, file, await file.open(from), from)
    const asked = { headers, content: { type: file.type, data }, timeoutMs: SILENCE_MS }
    const heard = await call.hear('POST', path, asked).catch(unanswered)
    if (!(heard instanceof Unanswered) && heard.status < 400) return
    const isFinal = !(heard instanceof Unanswered) && ![408, 429, 503].includes(heard.status)
    const standing = await call.hear('GET', batch).catch(unanswered)
    if (!(standing instanceof Unanswered)) {
      const reached = offsetOf(standing)
      if (reached > from) givesUpAt = performance.now() + patienceMs // it gets on: patience begins anew
      if (file.isSeekable) from = Math.max(from, reached)
    }
    const waitMs = waitOf(heard, tries)
    if (isFinal || performance.now() + waitMs > givesUpAt) {
      if (!isFinal || isInterrupted(standing)) call.note(goOn)
      throw heard instanceof Unanswered ? heard : new Refused(heard)
    }
    call.progress(`waiting for the API, ${Math.ceil(waitMs / 1000)} s`)
    await sleep(waitMs)
  }
}

const unanswered = (error: unknown): Unanswered => {
  if (error instanceof Unanswered) return error
  throw error
}

/** How many bytes of the unpacked file are settled. */
function offsetOf(answered: Answered): number {
  const { upload_offset: offset } = objectOf(answered)
  return answered.status === 200 && typeof offset === 'number' ? offset : 0
}

/** Whether the batch may be gone on with: what was refused whole has none. */
const isInterrupted = (heard: Answered | Unanswered): boolean =>
  heard instanceof Unanswered || (heard.status === 200 && objectOf(heard)['status'] === 'interrupted')

function parametersOf(call: Call, name: string): string {
  const eventId = call.option('eventId')
  const delimiter = delimiterOf(call, name)
  const query = new URLSearchParams()
  for (const text of call.every('map')) query.append('map', text)
  for (const text of call.every('set')) query.append('set', text)
  if (eventId !== undefined) query.append('event_id', eventId)
  if (delimiter !== undefined) query.append('delimiter', delimiter)
  return query.size === 0 ? '' : `?${query.toString()}`
}

/** The batch, once it runs no longer: the rows of a Parquet file go on after the answer. */
async function finished(call: Call, { batch, goOn, patienceMs }: Sending): Promise<Answered> {
  let givesUpAt = performance.now() + patienceMs
  for (let tries = 0; ;) {
    const heard = await call.hear('GET', batch).catch(unanswered)
    const isAway = heard instanceof Unanswered || heard.status === 503
    if (!isAway) {
      if (heard.status >= 400) throw new Refused(heard)
      const { status, accepted } = objectOf(heard)
      if (status !== 'running') return heard
      call.progress(`${Number(accepted).toLocaleString('en')} rows`)
      tries = 0
      givesUpAt = performance.now() + patienceMs
    }
    const waitMs = isAway ? waitOf(heard, tries++) : LOOK_MS
    if (isAway && performance.now() + waitMs > givesUpAt) {
      call.note(goOn)
      throw heard instanceof Unanswered ? heard : new Refused(heard)
    }
    await sleep(waitMs)
  }
}

const MOST_SHOWN = 20

async function outcome(call: Call, answered: Answered): Promise<Said> {
  const batch = objectOf(answered)
  const { batch_id, status, accepted, rejected, problem } = batch
  const counts = `${Number(accepted).toLocaleString('en')} accepted, ${Number(rejected).toLocaleString('en')} rejected`
  const lines: (string | Table)[] = [`${counts} (batch ${cell(batch_id)})\n`]
  if (problem !== null) lines.push(`${cell(status)}: ${cell((problem as Json)['detail'])}\n`)
  else if (status !== 'done')
    lines.push(`${cell(status)}: the same command with --upload-id ${cell(batch_id)} goes on.\n`)
  if (Number(rejected) > 0) {
    const { text } = await call.ask('GET', `/v1/batches/${inPath(String(batch_id))}/results`)
    const verdicts = text.split('\n', MOST_SHOWN).filter((line) => line !== '')
    const rows = verdicts.map((line) => {
      const { line: at, code, errors = [] } = JSON.parse(line) as Json & { readonly errors?: readonly Json[] }
      return [at, code, errors[0]?.['pointer'], errors[0]?.['message']]
    })
    lines.push('\n', table(['line', 'code', 'pointer', 'message'], rows, ''))
    if (Number(rejected) > rows.length) lines.push(`and more: pulse batch results ${cell(batch_id)}\n`)
  }
  return { json: asLine(answered.text), text: lines, isPartial: status !== 'done' || Number(rejected) > 0 }
}

export const IMPORT_VERBS: readonly Verb[] = [
  {
    words: ['import'],
    says: 'upload a file of rows; one that is cut goes on, and one that is repeated adds nothing',
    takes: [{ name: '<file>', says: 'NDJSON, JSON array, CSV or Parquet, also .gz and .zst; - reads standard input' }],
    options: [
      { flags: '--dataset <dataset>', says: 'where the rows belong, by slug or id' },
      {
        flags: '--map <member=column>',
        says: 'the column becomes that member; give it again for more',
        isRepeated: true,
      },
      { flags: '--set <member=constant>', says: 'every row has it; give it again for more', isRepeated: true },
      {
        flags: '--event-id <column>',
        says: "the column that holds the event's id; without it line and content make it",
      },
      DELIMITER,
      {
        flags: '--format <format>',
        says: 'what the file is, where its name does not say',
        choices: Object.keys(FORMATS),
      },
      { flags: '--upload-id <uuid>', says: 'go on with an upload that was cut' },
      { flags: '--patience <seconds>', says: 'how long to try again while it gets no further; without it 60' },
    ],
    forTenant: true,
    example: 'import birdstrikes.csv --dataset bird-strikes --map timestamp="Flight Date" --tenant acme',
    act: importFile,
  },
]
