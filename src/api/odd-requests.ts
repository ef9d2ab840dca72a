import type { FastifyInstance, onRequestHookHandler } from 'fastify'
import type { Socket } from 'node:net'
import { Problem } from '../problems/index.ts'
import { answerBrokenConnection } from './broken-connection.ts'

/**
 * What Node would answer by itself, without a request id or a problem document, is answered like
 * everything else: an `Expect` that is not known (ignored, as RFC 9110 section 10.1.1 allows), a body
 * announced by `Expect: 100-continue` that is too large for any route (not asked for), and CONNECT.
 */
export function answerOddRequests({ server }: FastifyInstance, maxBodyBytes: number): void {
  server.on('checkExpectation', (request, response) => void server.emit('request', request, response))
  server.on('checkContinue', (request, response) => {
    if (Number(request.headers['content-length'] ?? 0) <= maxBodyBytes) response.writeContinue()
    server.emit('request', request, response)
  })
  server.on('connect', (_request, socket) => {
    answerBrokenConnection(Object.assign(new Error('CONNECT'), { code: 'CONNECT' }), socket as Socket)
  })
}

/** RFC 9112 section 3.2: a request of HTTP/1.1 without Host is answered 400. */
export const requireHost: onRequestHookHandler = ({ raw }, _reply, done) => {
  if (raw.headers.host !== undefined || raw.httpVersionMinor === 0) return done()
  done(new Problem('malformed', 'The request has no Host header, which HTTP/1.1 asks for.'))
}
