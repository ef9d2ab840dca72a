import { entityPath, exampleUri, named, saidEntity } from './entity.ts'
import { inPath } from './answers.ts'
import { bodyWith } from './body.ts'
import type { Kind } from './kinds.ts'
import { Mistaken, Refused, type Asked, type Call, type Verb } from './verb.ts'

/** Members, with the definition as it was written in its file. */
const bodyOf = (call: Call, members: Readonly<Record<string, unknown>>, file: string): Promise<Asked> =>
  bodyWith(call, members, { member: 'definition', file: file === '' ? undefined : file })

const create = (kind: Kind): Verb => ({
  words: [kind.word, 'create'],
  says: `make a ${kind.noun}, a draft`,
  takes: [
    kind.isBare === true
      ? { name: '[file]', says: 'its definition, where it has one; - reads standard input' }
      : { name: '<file>', says: 'its definition, JSON Schema; - reads standard input' },
  ],
  options: [
    { flags: '--uri <uri>', says: 'what it is called for ever' },
    { flags: '--title <title>', says: 'what people call it; without it the uri' },
    ...(kind.once ?? []),
    ...kind.more,
    { flags: '--supersedes <uri>', says: 'the version before it' },
    { flags: '--publish', says: 'publish it at once' },
  ],
  forTenant: true,
  example: `${kind.word} create ${kind.example} --tenant acme`,
  async act(call) {
    const uri = call.option('uri')
    if (uri === undefined) throw new Mistaken(`Give the ${kind.noun} a uri: --uri https://…`)
    const members = { uri, title: call.option('title') ?? uri, ...kind.membersOf(call) }
    const asked = await bodyOf(call, { ...members, supersedes: call.option('supersedes') }, call.argument(0))
    const made = await call.ask('POST', `/v1/${kind.collection}`, asked)
    if (!call.isGiven('publish')) return saidEntity(made)
    const path = `/v1/${kind.collection}/${inPath(String((made.json as { id: string }).id))}`
    const published = await call.hear('PATCH', path, { body: { status: 'published' } })
    if (published.status < 400) return saidEntity(published)
    call.note(`${uri} is a draft now: pulse ${kind.word} edit changes it, pulse ${kind.word} publish publishes it.`)
    throw new Refused(published)
  },
})

const edit = (kind: Kind): Verb => ({
  words: [kind.word, 'edit'],
  says: `put something else into a ${kind.noun} that is a draft; a title into any`,
  takes: [...named(kind), { name: '[file]', says: 'the definition from now on, whole; - reads standard input' }],
  options: [{ flags: '--title <title>', says: 'what people call it' }, ...kind.more],
  forTenant: true,
  isGuarded: true,
  example: `${kind.word} edit ${exampleUri(kind)} definition.json --tenant acme`,
  async act(call) {
    const file = call.argument(1)
    const members = { title: call.option('title'), ...kind.membersOf(call) }
    if (file === '' && Object.values(members).every((value) => value === undefined))
      throw new Mistaken('Say what changes: a file with the definition, --title, or another option of --help.')
    const asked = await bodyOf(call, members, file)
    return saidEntity(await call.ask('PATCH', await entityPath(call, kind), asked))
  },
})

const publish = (kind: Kind): Verb => ({
  words: [kind.word, 'publish'],
  says: `publish a ${kind.noun}: its definition is frozen from then on`,
  takes: named(kind),
  forTenant: true,
  isGuarded: true,
  example: `${kind.word} publish ${exampleUri(kind)} --tenant acme`,
  act: async (call) =>
    saidEntity(await call.ask('PATCH', await entityPath(call, kind), { body: { status: 'published' } })),
})

const archive = (kind: Kind): Verb => ({
  words: [kind.word, 'archive'],
  says: `archive a ${kind.noun}: nothing new can use it`,
  takes: named(kind),
  options: [{ flags: '--force', says: 'although something uses it' }],
  forTenant: true,
  isGuarded: true,
  example: `${kind.word} archive ${exampleUri(kind)} --tenant acme`,
  async act(call) {
    const query = { force: call.isGiven('force') ? 'true' : undefined }
    return saidEntity(await call.ask('DELETE', await entityPath(call, kind), { query }))
  },
})

/** The verbs that change what is in the registry, of one kind. */
export const changesOf = (kind: Kind): readonly Verb[] => [create(kind), edit(kind), publish(kind), archive(kind)]
