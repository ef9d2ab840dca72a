import type { FastifyReply } from 'fastify'
import type { Socket } from 'node:net'

/**
 * The answers that a connection still owes: when it ends before them, Fastify says nothing of their requests, and those whose
 * clients gave up waiting are what somebody looks for when everything is slow.
 */
const owed = new WeakMap<Socket, Set<FastifyReply>>()

/** A request has begun; `left` is called if its connection ends before the answer has. One listener a connection, however many requests. */
export function begin(reply: FastifyReply, left: (reply: FastifyReply) => void): void {
  const { socket } = reply.request.raw
  let open = owed.get(socket)
  if (open === undefined) {
    owed.set(socket, (open = new Set()))
    socket.once('close', () => {
      for (const one of take(socket)) left(one)
    })
  }
  open.add(reply)
}

/** Its answer has ended; false where it was taken for left before. */
export function end(reply: FastifyReply): boolean {
  return owed.get(reply.request.raw.socket)?.delete(reply) ?? false
}

/** Whom a connection owes an answer now: whoever takes them says what became of them. */
export function take(socket: Socket): FastifyReply[] {
  const open = [...(owed.get(socket) ?? [])]
  owed.get(socket)?.clear()
  return open
}
