import { isUuid } from '../event/index.ts'
import { itemsOf, PAGE, saidOne, saidPage } from './answers.ts'
import { bodyWith } from './body.ts'
import { Mistaken, type Asked, type Call, type Said, type Verb } from './verb.ts'

/** The id of the tenant that is named by slug or id. Rejects with `Mistaken` where there is none. */
export async function tenantId(hear: Call['hear'], named: string): Promise<string> {
  if (isUuid(named)) return named
  const answered = await hear('GET', '/v1/tenants', { query: { slug: named } })
  const id = itemsOf(answered)[0]?.['id']
  if (typeof id === 'string') return id
  if (answered.status === 200) throw new Mistaken(`There is no tenant ${named}, or the key may not see it.`)
  throw new Mistaken(
    `The tenant ${named} could not be looked up (${answered.status}): give its id, or leave it out where the key is the tenant's own.`,
  )
}

const NAMED = [{ name: '<tenant>', says: 'its slug or id' }] as const
const pathOf = async (call: Call): Promise<string> => `/v1/tenants/${await tenantId(call.hear, call.argument(0))}`

/** Members, with the metadata as they were written in their file. */
const bodyOf = (call: Call, members: Readonly<Record<string, unknown>>): Promise<Asked> =>
  bodyWith(call, members, { member: 'metadata', file: call.option('metadata') })

const changing = (word: string, says: string, status: string): Verb => ({
  words: ['tenant', word],
  says,
  takes: NAMED,
  forTenant: false,
  isGuarded: true,
  example: `tenant ${word} acme`,
  act: async (call): Promise<Said> => saidOne(await call.ask('PATCH', await pathOf(call), { body: { status } })),
})

export const TENANT_VERBS: readonly Verb[] = [
  {
    words: ['tenant', 'create'],
    says: 'make a tenant, with its topics and namespace',
    takes: [{ name: '<slug>', says: 'what it is called in paths and logs' }],
    options: [
      { flags: '--name <name>', says: 'what people call it; without it the slug' },
      { flags: '--metadata <file>', says: 'JSON of your own' },
    ],
    forTenant: false,
    example: 'tenant create acme --name "Acme Ltd"',
    async act(call) {
      const slug = call.argument(0)
      const asked = await bodyOf(call, { slug, name: call.option('name') ?? slug })
      return saidOne(await call.ask('POST', '/v1/tenants', asked))
    },
  },
  {
    words: ['tenant', 'list'],
    says: 'list the tenants, newest first',
    options: [{ flags: '--slug <slug>', says: 'the one that is called so' }, ...PAGE],
    forTenant: false,
    example: 'tenant list',
    async act(call) {
      const query = { slug: call.option('slug'), limit: call.option('limit'), cursor: call.option('cursor') }
      const answered = await call.ask('GET', '/v1/tenants', { query })
      return saidPage(answered, ['slug', 'name', 'status', 'id', 'created_at'], 'There are no tenants yet.')
    },
  },
  {
    words: ['tenant', 'show'],
    says: 'show a tenant',
    takes: NAMED,
    forTenant: false,
    example: 'tenant show acme',
    act: async (call) => saidOne(await call.ask('GET', await pathOf(call))),
  },
  {
    words: ['tenant', 'edit'],
    says: 'give a tenant another name, or other metadata',
    takes: NAMED,
    options: [
      { flags: '--name <name>', says: 'what people call it' },
      { flags: '--metadata <file>', says: 'JSON of your own, from now on, whole' },
    ],
    forTenant: false,
    isGuarded: true,
    example: 'tenant edit acme --name "Acme International"',
    async act(call) {
      const name = call.option('name')
      if (name === undefined && !call.isGiven('metadata'))
        throw new Mistaken('Say what changes: --name, or --metadata with a file.')
      return saidOne(await call.ask('PATCH', await pathOf(call), await bodyOf(call, { name })))
    },
  },
  changing('suspend', 'refuse what a tenant sends and asks, until it is resumed', 'suspended'),
  changing('resume', 'let a suspended tenant in again', 'active'),
]
