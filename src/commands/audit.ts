import { PAGE, saidPage } from './answers.ts'
import { instantOf } from './instants.ts'
import { tenantId } from './tenants.ts'
import type { Verb } from './verb.ts'

export const AUDIT_VERBS: readonly Verb[] = [
  {
    words: ['audit'],
    says: 'who changed what, newest first; before and after are in --json',
    options: [
      { flags: '--entity <entity>', says: 'only of this kind, as schema, dataset or key' },
      { flags: '--id <id>', says: 'only of this one' },
      { flags: '--action <action>', says: 'only this, as schema.publish' },
      { flags: '--actor <actor>', says: 'only by this one' },
      { flags: '--trace <id>', says: 'only of this request' },
      { flags: '--from <instant>', says: 'only from then on, as 2026-11-25T08:00:00Z, or a day of UTC' },
      { flags: '--to <instant>', says: 'only before then' },
      {
        flags: '--everything',
        says: "of all tenants, or of --tenant, and of the installation: for the operator's key",
      },
      ...PAGE,
    ],
    forTenant: true,
    example: 'audit --entity key --from 2026-11-25T00:00:00Z --tenant acme',
    async act(call) {
      const isAll = call.isGiven('everything')
      const tenant = isAll ? call.option('tenant') : undefined
      const names = ['entity', 'id', 'action', 'actor', 'limit', 'cursor']
      const query = {
        ...Object.fromEntries(names.map((name) => [name, call.option(name)])),
        from: instantOf(call, 'from'),
        to: instantOf(call, 'to'),
        trace_id: call.option('trace'),
        tenant_id: tenant === undefined ? undefined : await tenantId(call.hear, tenant),
      }
      const members = ['at', 'actor', 'action', 'name', 'entity_id', ...(isAll ? ['tenant_id'] : []), 'trace_id']
      const answered = await call.ask('GET', isAll ? '/v1/operator/audit' : '/v1/audit', { query })
      return saidPage(answered, members, 'Nothing like that was changed.')
    },
  },
]
