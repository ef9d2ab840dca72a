import { ENTITY_KINDS } from '../registry/index.ts'

/** Every route template, so that its series are there before its first request. A test holds it against the server. */
export const ROUTE_TEMPLATES: readonly string[] = [
  '/health',
  '/ready',
  '/metrics',
  '/metrics/',
  '/openapi.json',
  '/docs',
  '/docs/',
  '/docs/js/scalar.js',
  '/v1/tenants',
  '/v1/tenants/:id',
  ...Object.values(ENTITY_KINDS).flatMap(({ collection }) => [`/v1/${collection}`, `/v1/${collection}/:id`]),
  '/v1/schemas/:id/impact',
  '/v1/schemas/infer',
  '/v1/datasets',
  '/v1/datasets/:dataset',
  '/v1/datasets/:dataset/preview',
  ...['/v1/datasets/:dataset/dead-letters', '/v1/dead-letters'].flatMap((path) => [
    path,
    `${path}/:id`,
    `${path}/:id/replay`,
    `${path}/replay`,
  ]),
  '/v1/events/:event_id',
  '/v1/collect',
  '/v1/keys',
  '/v1/keys/:id',
  '/v1/keys/:id/rotate',
  '/v1/audit',
  '/v1/operator/audit',
]
