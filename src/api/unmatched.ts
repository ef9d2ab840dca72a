import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Problem } from '../problems/index.ts'

/**
 * Tells a path that does not exist (404) from one that exists for other methods (405 with Allow), before anything is
 * made of a body: what is wrong with that (its type, or QUERY without one) is not what is wrong with the request.
 * Call before routes are added: it listens to them.
 */
export function addUnmatched(app: FastifyInstance): void {
  const routes = new Map<
    string,
    { readonly pattern: RegExp; readonly parameters: number; readonly methods: Set<string> }
  >()
  app.addHook('onRoute', ({ url, method }) => {
    const known = routes.get(url) ?? {
      pattern: patternOf(url),
      parameters: url.split('/').filter((part) => part.startsWith(':')).length,
      methods: new Set<string>(),
    }
    for (const one of Array.isArray(method) ? method : [method]) known.methods.add(one)
    routes.set(url, known)
  })
  const refusal = (request: FastifyRequest, reply: FastifyReply): Problem => {
    const path = request.url.split('?', 1)[0] as string
    const found = [...routes.values()].filter(({ pattern }) => pattern.test(path))
    // `/v1/schemas/infer` is not a schema whose id is "infer".
    const fewest = Math.min(...found.map(({ parameters }) => parameters))
    const allowed = new Set(found.filter((one) => one.parameters === fewest).flatMap(({ methods }) => [...methods]))
    if (allowed.size === 0) return new Problem('not_found', 'There is nothing at this path: /docs lists what there is.')
    const allow = [...allowed].sort().join(', ')
    void reply.header('allow', allow)
    return new Problem('method_not_allowed', `${request.method} does not apply here: use ${allow}.`)
  }
  app.addHook('onRequest', (request, reply, done) => done(request.is404 ? refusal(request, reply) : undefined))
  app.setNotFoundHandler((request, reply) => {
    throw refusal(request, reply)
  })
}

/** One parameter is one segment; everything else stands for itself. */
const patternOf = (url: string): RegExp =>
  new RegExp(
    `^${url
      .split('/')
      .map((part) =>
        part.startsWith(':') ? '[^/]+' : part === '*' ? '.*' : part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'),
      )
      .join('/')}$`,
  )
