import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import { listAudit, type AuditRow } from '../../audit/index.ts'
import { canonicalUuid } from '../../event/index.ts'
import { Problem } from '../../problems/index.ts'
import type { Store } from '../../store/index.ts'
import { auditText, pageText, sendText } from '../answers.ts'
import { AuditPage, AuditQuery, OperatorAuditPage, OperatorAuditQuery } from '../schemas/audit.ts'
import { problems } from '../schemas/wire.ts'
import { tenantOf } from '../tenant-hook.ts'

const tags = ['audit']
type Asked = { Querystring: Static<typeof AuditQuery> }

async function pageOf(
  store: Store,
  tenantId: string | undefined,
  { limit = 50, id, ...query }: Static<typeof AuditQuery>,
  text: (row: AuditRow) => string,
): Promise<string> {
  const asked = { ...query, limit, id: id === undefined ? undefined : canonicalUuid(id) }
  const { items, next_cursor } = await listAudit(store, tenantId, asked)
  return pageText(items.map(text), next_cursor)
}

/** What was changed of a tenant's: for its keys with `manage`, and for the operator who names it. */
export function addAuditRoute(app: FastifyInstance, store: Store): void {
  app.get<Asked>(
    '/v1/audit',
    {
      schema: {
        tags,
        summary: 'What was changed, by whom, newest first',
        description:
          'Every change of the tenant itself, its schemas and their parts, datasets and keys, written in the transaction of the change. Filters hold together. With the operator’s key X-Tenant-ID names the tenant.',
        querystring: AuditQuery,
        response: { 200: AuditPage, ...problems(400, 401, 403, 503) },
      },
    },
    async (request, reply) =>
      sendText(reply, 200, await pageOf(store, tenantOf(request), request.query, (row) => auditText(row))),
  )
}

/** What was changed of anybody's, and of the installation: its settings, the operator's keys. */
export function addOperatorAuditRoute(app: FastifyInstance, store: Store): void {
  app.get<{ Querystring: Static<typeof OperatorAuditQuery> }>(
    '/v1/operator/audit',
    {
      schema: {
        tags,
        summary: 'What was changed in the whole installation, newest first',
        description:
          'The changes of all tenants, with whose each is, and those that are no tenant’s: what processes were started with, the operator’s keys.',
        querystring: OperatorAuditQuery,
        response: { 200: OperatorAuditPage, ...problems(400, 401, 403, 503) },
      },
    },
    async (request, reply) => {
      if (request.key?.tenantId !== undefined)
        throw new Problem('scope_missing', 'This is the operator’s: GET /v1/audit has what was changed of yours.')
      const { tenant_id: tenant, ...query } = request.query
      const tenantId = tenant === undefined ? undefined : canonicalUuid(tenant)
      return sendText(reply, 200, await pageOf(store, tenantId, query, (row) => auditText(row, row.tenant_id)))
    },
  )
}
