import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { mintTraceparent, systemClock, uuidv7, type Traceparent } from '../event/index.ts'
import { Problem } from '../problems/index.ts'
import { UNMATCHED, announce } from '../telemetry/index.ts'
import { PROBLEM_TYPE, problemText } from './problem-document.ts'
import { announceFinished } from './request-context.ts'
import { take } from './underway.ts'

interface ParseFault extends Error {
  readonly code?: string
}

/** What Node's HTTP parser could not make a request of, by its code; everything else is `malformed`. */
function problemOf(error: ParseFault): Problem {
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new Problem('request_timeout', 'The request did not arrive in time: send it again, faster.')
  }
  if (error.code === 'HPE_HEADER_OVERFLOW') return new Problem('malformed', 'The headers are larger than 16 KiB.')
  if (error.code === 'CONNECT') return new Problem('malformed', 'This server is no proxy: CONNECT has no use here.')
  return new Problem('malformed', 'This is not an HTTP request that can be read.')
}

/** Answers on a connection that gave no request, as far as it can still be written to, and closes it. */
export function answerBrokenConnection(error: ParseFault, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy()
    return
  }
  const problem = problemOf(error)
  // Where an answer was begun already, a second head would be read as its body.
  const isBegun =
    socket.bytesWritten > 0 &&
    (socket as Socket & { _httpMessage?: { headersSent: boolean } })._httpMessage?.headersSent === true
  if (!isBegun) {
    // A request whose head was read is known: this is its answer.
    const owed = take(socket)
    const of = owed[0]?.request ?? { id: uuidv7(), trace: mintTraceparent() }
    const body = problemText(problem, { instance: '/', traceId: of.trace.traceId })
    socket.write(
      `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\ncontent-type: ${PROBLEM_TYPE}\r\n` +
        `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\nx-request-id: ${of.id}\r\n` +
        `traceparent: ${of.trace.header}\r\n\r\n${body}`,
    )
    for (const reply of owed) announceFinished(reply.request, reply, problem)
    if (owed.length === 0) announceUnread(problem, of)
  }
  socket.destroySoon()
}

function announceUnread(problem: Problem, { id, trace }: { readonly id: string; readonly trace: Traceparent }): void {
  announce('api.request.finished', {
    method: '-',
    route: UNMATCHED,
    status: problem.status,
    tookMs: 0,
    requestId: id,
    traceId: trace.traceId,
    spanId: trace.spanId,
    sampled: false,
    startedAtMs: systemClock.now(),
    code: problem.code,
  })
}
