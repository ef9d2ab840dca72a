import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Socket } from 'node:net'
import { COLLECT_ROUTE } from './routes/collect.ts'
import { PROBES } from './routes/health.ts'

/** Requests by what they cost: the hot path, reads of the lake, everything else. */
type RouteClass = 'collect' | 'preview' | 'admin'
type Counts = Record<RouteClass, number>

declare module 'fastify' {
  interface FastifyRequest {
    /** Under what it is counted as long as it is answered; undefined once it is, and for probes. */
    routeClass: RouteClass | undefined
  }
}

/** Requests that are being answered now. */
export interface Inflight {
  readonly counts: Readonly<Counts>
  readonly total: number
}

const none = (): Counts => ({ collect: 0, preview: 0, admin: 0 })

function classOf(route: string): RouteClass | undefined {
  if (route === COLLECT_ROUTE) return 'collect'
  if (route === '/v1/datasets/:dataset/preview') return 'preview'
  return PROBES.has(route) ? undefined : 'admin'
}

/**
 * Counts requests from their head to the end of their answer. An answer that nobody takes any more ends with its
 * connection, and a connection may carry many that were sent ahead: so each connection keeps its own sum, and one listener.
 */
export function countInflight(app: FastifyInstance): Inflight {
  const counts = none()
  const connections = new WeakMap<Socket, Counts>()

  function connectionOf(socket: Socket): Counts {
    let own = connections.get(socket)
    if (own === undefined) {
      connections.set(socket, (own = none()))
      const gone = own
      socket.once('close', () => {
        for (const name of ['collect', 'preview', 'admin'] as const) counts[name] -= gone[name]
        connections.delete(socket)
      })
    }
    return own
  }

  app.decorateRequest('routeClass', undefined)
  app.addHook('onRequest', (request, _reply, done) => {
    const { socket } = request.raw
    const routeClass = classOf(request.route)
    // Of a connection that is gone already nobody would hear the end.
    if (routeClass !== undefined && !socket.destroyed) {
      request.routeClass = routeClass
      counts[routeClass] += 1
      connectionOf(socket)[routeClass] += 1
    }
    done()
  })
  app.addHook('onResponse', (request, _reply, done) => {
    leave(request)
    done()
  })
  function leave(request: FastifyRequest): void {
    const { routeClass } = request
    const own = routeClass === undefined ? undefined : connections.get(request.raw.socket)
    if (routeClass === undefined || own === undefined) return
    request.routeClass = undefined
    counts[routeClass] -= 1
    own[routeClass] -= 1
  }
  return {
    counts,
    get total() {
      return counts.collect + counts.preview + counts.admin
    },
  }
}
