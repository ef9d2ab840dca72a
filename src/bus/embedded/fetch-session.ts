import { randomInt } from 'node:crypto'
import type { Partition, Watcher } from './topics.ts'

/** What a reader wants of one partition, and what it was told last. */
export interface Want extends Watcher {
  readonly topicId: string
  readonly topicName: string
  readonly index: number
  partition: Partition | undefined
  fetchOffset: number
  maxBytes: number
  toldHighWatermark: number
  toldLogStart: number
}

/**
 * The partitions of one reader, between or within requests. Only those that changed since they were last looked at
 * are `dirty`: a poll of 2,000 quiet partitions looks at none of them.
 */
export interface View {
  readonly wants: Map<string, Want>
  readonly dirty: Set<Want>
  /** Set while a fetch waits. */
  wake: (() => void) | undefined
}

export interface Session {
  readonly id: number
  readonly view: View
  /** The epoch that the next request must carry. */
  epoch: number
}

export function newView(): View {
  return { wants: new Map(), dirty: new Set(), wake: undefined }
}

export const wantKey = (topic: string, index: number): string => `${topic}/${index}`

/** Adds or changes a want; it is looked at in the next evaluation. */
export function putWant(
  view: View,
  key: string,
  asked: { topicId: string; topicName: string; index: number; fetchOffset: number; maxBytes: number },
  partition: Partition | undefined,
): void {
  const known = view.wants.get(key)
  if (known !== undefined && known.partition === partition) {
    known.fetchOffset = asked.fetchOffset
    known.maxBytes = asked.maxBytes
    view.dirty.add(known)
    return
  }
  if (known !== undefined) dropWant(view, key)
  const want: Want = {
    ...asked,
    partition,
    toldHighWatermark: -1,
    toldLogStart: -1,
    touched() {
      view.dirty.add(want)
      view.wake?.()
    },
  }
  view.wants.set(key, want)
  view.dirty.add(want)
  partition?.watchers.add(want)
}

export function dropWant(view: View, key: string): void {
  const want = view.wants.get(key)
  if (want === undefined) return
  want.partition?.watchers.delete(want)
  view.wants.delete(key)
  view.dirty.delete(want)
}

export function endView(view: View): void {
  for (const want of view.wants.values()) want.partition?.watchers.delete(want)
  view.wants.clear()
  view.dirty.clear()
}

export interface FetchSessions {
  begin(view: View): Session
  get(id: number): Session | undefined
  end(id: number): void
  readonly size: number
}

/** Sessions live as long as the connection that began them, and no longer than the oldest of a thousand. */
const SESSIONS_KEPT = 1000
const EPOCHS = 0x7fff_ffff

export function fetchSessions(): FetchSessions {
  const sessions = new Map<number, Session>()
  let next = randomInt(1, 1_000_000)
  const end = (id: number): void => {
    const session = sessions.get(id)
    if (session === undefined) return
    sessions.delete(id)
    endView(session.view)
  }
  return {
    begin(view) {
      for (const id of sessions.keys()) {
        if (sessions.size < SESSIONS_KEPT) break
        end(id)
      }
      next = next >= EPOCHS ? 1 : next + 1
      const session = { id: next, view, epoch: 1 }
      sessions.set(session.id, session)
      return session
    },
    get: (id) => sessions.get(id),
    end,
    get size() {
      return sessions.size
    },
  }
}

/** After 2^31 - 1 comes 1: 0 would begin a new session (KIP-227). */
export const nextEpoch = (epoch: number): number => (epoch >= EPOCHS ? 1 : epoch + 1)
