import type { FastifyInstance } from 'fastify'
import { answerBrokenConnection } from './broken-connection.ts'
import { COLLECT_ROUTE } from './routes/collect.ts'
import { UPLOAD_ROUTE } from './routes/batches.ts'

/** They read their bodies themselves, and bound them by what they know of them: a file may take hours. */
const OWN_BOUNDS: ReadonlySet<string> = new Set([COLLECT_ROUTE, UPLOAD_ROUTE])

/**
 * Ends a request whose body does not arrive within `ms`. Node's own bound is one for all requests of a server, which a file that is
 * uploaded would break; so that one is off, and this stands in its place.
 */
export function boundBodies(app: FastifyInstance, ms: number): void {
  app.addHook('onRequest', ({ raw, route }, _reply, done) => {
    const { headers } = raw
    const hasBody = headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
    if (hasBody && !OWN_BOUNDS.has(route)) {
      const { socket } = raw
      const late = (): void => {
        if (raw.complete) return
        answerBrokenConnection(Object.assign(new Error('late'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), socket)
      }
      const timer = setTimeout(late, ms)
      timer.unref()
      raw.once('close', () => clearTimeout(timer))
    }
    done()
  })
}
