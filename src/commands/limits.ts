import { inPath, saidOne } from './answers.ts'
import { wholeOf } from './numbers.ts'
import { tenantId } from './tenants.ts'
import { Mistaken, type Call, type Option, type Verb } from './verb.ts'

const RULES = [
  ['eventsPerSecond', 'events_per_second', 'events a second'],
  ['bytesPerSecond', 'bytes_per_second', 'bytes of unpacked bodies a second'],
  ['eventsPerDay', 'events_per_day', 'events a day of UTC'],
  ['bytesPerDay', 'bytes_per_day', 'bytes of unpacked bodies a day of UTC'],
] as const

const OPTIONS: readonly Option[] = [
  ...RULES.map(([, name, says]) => ({ flags: `--${name.replaceAll('_', '-')} <n>`, says: `so many ${says} at most` })),
  { flags: '--none', says: 'no limit at all' },
]

/** What is allowed from now on, whole: what is not named is not limited. */
function limitsOf(call: Call): Readonly<Record<string, number>> | null {
  const limits = Object.fromEntries(
    RULES.flatMap(([option, name]) => {
      const most = wholeOf(call, option)
      return most === undefined ? [] : [[name, most]]
    }),
  )
  const isNone = call.isGiven('none')
  if (isNone === Object.keys(limits).length > 0)
    throw new Mistaken('Give all limits that shall hold from now on, or --none.')
  return isNone ? null : limits
}

export const LIMIT_VERBS: readonly Verb[] = [
  {
    words: ['tenant', 'limit'],
    says: 'set what a tenant may send, all of it at once',
    takes: [{ name: '<tenant>', says: 'its slug or id' }],
    options: OPTIONS,
    forTenant: false,
    isGuarded: true,
    example: 'tenant limit acme --events-per-second 2000 --bytes-per-day 5000000000',
    async act(call) {
      const body = { limits: limitsOf(call) }
      return saidOne(await call.ask('PATCH', `/v1/tenants/${await tenantId(call.hear, call.argument(0))}`, { body }))
    },
  },
  {
    words: ['key', 'limit'],
    says: 'set what may be sent with a key, all of it at once',
    takes: [{ name: '<id>', says: 'the id in the middle of the key' }],
    options: OPTIONS,
    forTenant: true,
    isGuarded: true,
    example: 'key limit 0193d5a8-7c00-7000-8000-000000000000 --events-per-second 100 --tenant acme',
    async act(call) {
      const body = { limits: limitsOf(call) }
      return saidOne(await call.ask('PATCH', `/v1/keys/${inPath(call.argument(0))}`, { body }))
    },
  },
]
