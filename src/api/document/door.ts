import type { FastifyContextConfig, FastifyInstance } from 'fastify'

type ScopesOf = (method: string, config?: FastifyContextConfig) => readonly string[]

/**
 * Writes into the document how whoever asks shows who he is, on routes that are added from here on: without keys as `open` says,
 * with them by a key that has any of these scopes.
 */
export function describeDoor(
  app: FastifyInstance,
  open: Readonly<Record<string, readonly string[]>>,
  scopesOf: ScopesOf,
): void {
  app.addHook('onRoute', ({ schema, method, config }) => {
    if (schema === undefined) return
    const keys = scopesOf(String(method), config).map((scope) => ({ key: [scope] }))
    Object.assign(schema, { security: [open, ...keys] })
  })
}
