import { inPath, saidOne, saidPage } from './answers.ts'
import { instantOf } from './instants.ts'
import { wholeOf } from './numbers.ts'
import { Mistaken, type Verb } from './verb.ts'

const NAMED = [{ name: '<id>', says: 'the id in the middle of the key' }] as const
const ONCE = 'The key is shown this once and kept nowhere: put it where it is used now.\n\n'

export const KEY_VERBS: readonly Verb[] = [
  {
    words: ['key', 'create'],
    says: 'make a key of the tenant',
    takes: [{ name: '<name>', says: 'who will show it' }],
    options: [
      {
        flags: '--scope <scope>',
        says: 'what it may do; give it again for more',
        isRepeated: true,
        choices: ['collect', 'read', 'pii', 'manage'],
      },
      { flags: '--expires <instant>', says: 'when it ends, as 2027-01-01T00:00:00Z, or a day of UTC' },
    ],
    forTenant: true,
    example: 'key create website --scope collect --tenant acme',
    async act(call) {
      const scopes = call.every('scope')
      if (scopes.length === 0) throw new Mistaken('Say what the key may do: --scope collect, read, pii or manage.')
      const body = { name: call.argument(0), scopes, expires_at: instantOf(call, 'expires') }
      return saidOne(await call.ask('POST', '/v1/keys', { body }), ONCE)
    },
  },
  {
    words: ['key', 'list'],
    says: "list the tenant's keys, newest first",
    forTenant: true,
    example: 'key list --tenant acme',
    async act(call) {
      const answered = await call.ask('GET', '/v1/keys')
      const members = ['id', 'name', 'scopes', 'status', 'expires_at', 'last_used_at']
      return saidPage(answered, members, 'The tenant has no keys.')
    },
  },
  {
    words: ['key', 'show'],
    says: 'show a key, without its text',
    takes: NAMED,
    forTenant: true,
    example: 'key show 0193d5a8-7c00-7000-8000-000000000000 --tenant acme',
    act: async (call) => saidOne(await call.ask('GET', `/v1/keys/${inPath(call.argument(0))}`)),
  },
  {
    words: ['key', 'revoke'],
    says: 'end a key: refused everywhere within two seconds',
    takes: NAMED,
    forTenant: true,
    isGuarded: true,
    example: 'key revoke 0193d5a8-7c00-7000-8000-000000000000 --tenant acme',
    act: async (call) => saidOne(await call.ask('DELETE', `/v1/keys/${inPath(call.argument(0))}`)),
  },
  {
    words: ['key', 'rotate'],
    says: 'make a key in the place of another, which holds a while longer',
    takes: NAMED,
    options: [{ flags: '--overlap <seconds>', says: 'how long the old one still holds; without it a day' }],
    forTenant: true,
    isGuarded: true,
    example: 'key rotate 0193d5a8-7c00-7000-8000-000000000000 --overlap 3600 --tenant acme',
    async act(call) {
      const body = { overlap_seconds: wholeOf(call, 'overlap') }
      return saidOne(await call.ask('POST', `/v1/keys/${inPath(call.argument(0))}/rotate`, { body }), ONCE)
    },
  },
]
