import type { FastifyInstance } from 'fastify'
import { Problem } from '../problems/index.ts'

/**
 * Tells a path that does not exist (404) from one that exists for other methods (405 with Allow).
 * Call before routes are added: it listens to them.
 */
export function addUnmatched(app: FastifyInstance): void {
  const routes = new Map<string, { readonly pattern: RegExp; readonly methods: Set<string> }>()
  app.addHook('onRoute', ({ url, method }) => {
    const known = routes.get(url) ?? { pattern: patternOf(url), methods: new Set<string>() }
    for (const one of Array.isArray(method) ? method : [method]) known.methods.add(one)
    routes.set(url, known)
  })
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] as string
    const allowed = new Set<string>()
    for (const route of routes.values())
      if (route.pattern.test(path)) for (const method of route.methods) allowed.add(method)
    if (allowed.size === 0) throw new Problem('not_found', 'There is nothing at this path: /docs lists what there is.')
    const allow = [...allowed].sort().join(', ')
    void reply.header('allow', allow)
    throw new Problem('method_not_allowed', `${request.method} does not apply here: use ${allow}.`)
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
