import type { Answered } from '../client/index.ts'
import { asLine, inPath, itemsIn, objectOf, PAGE, saidOne, saidPage } from './answers.ts'
import { bodyWith } from './body.ts'
import { instantOf } from './instants.ts'
import { table } from './screen.ts'
import { Mistaken, type Call, type Option, type Said, type Verb } from './verb.ts'

const DATASET: Option = {
  flags: '--dataset <dataset>',
  says: 'of which dataset, by slug or id; without it all of the tenant, those of no dataset too',
}
const WHICH: readonly Option[] = [
  { flags: '--reason <reason>', says: 'only those, as unconvertible' },
  { flags: '--from <instant>', says: 'only from then on, as 2026-11-25T08:00:00Z, or a day of UTC' },
  { flags: '--to <instant>', says: 'only before then' },
  { flags: '--pointer <pointer>', says: 'only those with this place, as /data/price' },
]

const pathOf = (call: Call): string => {
  const dataset = call.option('dataset')
  return dataset === undefined ? '/v1/dead-letters' : `/v1/datasets/${inPath(dataset)}/dead-letters`
}
const whichOf = (call: Call) => ({
  reason: call.option('reason'),
  from: instantOf(call, 'from'),
  to: instantOf(call, 'to'),
  pointer: call.option('pointer'),
})

async function list(call: Call): Promise<Said> {
  const group = call.option('group')
  const query = {
    ...whichOf(call),
    event_id: call.option('eventId'),
    replayed: call.option('replayed'),
    limit: call.option('limit'),
    cursor: call.option('cursor'),
    group,
  }
  const answered = await call.ask('GET', pathOf(call), { query })
  const nothing = 'There are no dead letters like that.'
  if (group === undefined)
    return saidPage(answered, ['id', 'at', 'reason', 'pointer', 'error', 'event_id', 'replayed_at'], nothing)
  const members = ['reason', ...(group === 'reason' ? [] : [group]), 'count', 'first_at', 'last_at']
  const said = saidPage(answered, members, nothing)
  if (objectOf(answered)['complete'] !== false) return said
  return {
    ...said,
    text: [...said.text, '\nThese are not all: narrow them with --reason, --from, --to or --pointer.\n'],
  }
}

async function replayOne(call: Call, id: string): Promise<Said> {
  const body = { ...(call.isGiven('dryRun') && { dry_run: true }), dataset: call.option('sendTo') }
  const asked = await bodyWith(call, body, { member: 'data', file: call.option('data') })
  return saidOne(await call.ask('POST', `${pathOf(call)}/${inPath(id)}/replay`, asked))
}

/** Slice after slice, until there is none: who stops it with Ctrl-C has replayed what was counted, and may begin again. */
async function replayMany(call: Call): Promise<Said> {
  const sum = { dry_run: call.isGiven('dryRun'), examined: 0, replayed: 0, rejected: 0 }
  const soFar = (): string => `${sum.examined} examined, ${sum.replayed} ${sum.dry_run ? 'would pass' : 'replayed'}`
  const refused: unknown[] = []
  const goesOn = (): string => `${soFar()}. The same command goes on from there.`
  call.ifStopped(goesOn)
  let cursor: string | undefined
  do {
    const body = { ...whichOf(call), dry_run: sum.dry_run, cursor }
    const asked = call.ask('POST', `${pathOf(call)}/replay`, { body, timeoutMs: 60_000 })
    const answered: Answered = await asked.catch((error: unknown) => {
      if (sum.examined > 0) call.note(goesOn())
      throw error
    })
    const slice = objectOf(answered)
    for (const name of ['examined', 'replayed', 'rejected'] as const) sum[name] += Number(slice[name])
    refused.push(...itemsIn(answered, 'refused').slice(0, MOST_TOLD - refused.length))
    cursor = typeof slice['next_cursor'] === 'string' ? slice['next_cursor'] : undefined
    call.progress(soFar())
  } while (cursor !== undefined)
  const rows = (refused as Readonly<Record<string, unknown>>[]).slice(0, MOST_SHOWN).map(({ id, code, errors }) => {
    const [first] = Array.isArray(errors) ? (errors as Readonly<Record<string, unknown>>[]) : []
    return [id, code, first?.['pointer'], first?.['message']]
  })
  const passed = sum.dry_run
    ? `${sum.replayed} would pass, ${sum.rejected} would not`
    : `${sum.replayed} replayed, ${sum.rejected} rejected`
  const text = `${sum.examined} dead letters: ${passed}\n`
  return {
    json: asLine(JSON.stringify({ ...sum, refused })),
    text: rows.length === 0 ? [text] : [text, '\n', table(['id', 'code', 'pointer', 'message'], rows, '')],
    isPartial: sum.rejected > 0,
  }
}
const MOST_TOLD = 1_000
const MOST_SHOWN = 20

export const LETTER_VERBS: readonly Verb[] = [
  {
    words: ['dead-letters', 'list'],
    says: 'list accepted events that could not become rows, newest first',
    options: [
      DATASET,
      ...WHICH,
      { flags: '--event-id <id>', says: 'only of this event' },
      { flags: '--replayed <which>', says: 'only those that were sent again, or were not', choices: ['true', 'false'] },
      { flags: '--group <by>', says: 'count them instead', choices: ['reason', 'pointer', 'day'] },
      ...PAGE,
    ],
    forTenant: true,
    example: 'dead-letters list --dataset page-views --group reason --tenant acme',
    act: list,
  },
  {
    words: ['dead-letters', 'show'],
    says: 'show one with its payload, error and trace',
    takes: [{ name: '<id>', says: 'its number in the list' }],
    options: [DATASET],
    forTenant: true,
    example: 'dead-letters show 42 --dataset page-views --tenant acme',
    act: async (call) => saidOne(await call.ask('GET', `${pathOf(call)}/${inPath(call.argument(0))}`)),
  },
  {
    words: ['dead-letters', 'replay'],
    says: 'send one again, edited or as it is, or all that are meant: the same event ids, so that twice changes nothing',
    takes: [{ name: '[id]', says: 'its number in the list; without it all that the options mean' }],
    options: [
      DATASET,
      ...WHICH,
      { flags: '--data <file>', says: 'JSON to send in the place of its data; of one only' },
      { flags: '--send-to <dataset>', says: 'where one of no dataset belongs, by slug' },
      { flags: '--dry-run', says: 'say what would happen, and change nothing' },
      { flags: '--all', says: 'without an id and any other choice: really all of them' },
    ],
    forTenant: true,
    example: 'dead-letters replay --dataset page-views --reason unconvertible --dry-run --tenant acme',
    async act(call) {
      const id = call.argument(0)
      const isChosen = Object.values(whichOf(call)).some((value) => value !== undefined)
      if (id !== '') {
        if (isChosen) throw new Mistaken('Give the id of one, or what is meant of many: not both.')
        return replayOne(call, id)
      }
      for (const [name, flag] of [
        ['data', '--data'],
        ['sendTo', '--send-to'],
      ] as const)
        if (call.isGiven(name)) throw new Mistaken(`${flag} is for one: give its id.`)
      if (!isChosen && !call.isGiven('all') && !call.isGiven('dryRun'))
        throw new Mistaken('Say which: an id, --reason, --from, --to, --pointer, or --all.')
      return replayMany(call)
    },
  },
]
