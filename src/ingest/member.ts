import type { Membership } from './claims.ts'
import { tellDefect } from './defect.ts'
import type { Flushing } from './flushing.ts'
import type { IngestBuffer } from './lane.ts'
import { backoffMs, isAway, pause } from './patience.ts'
import { forgetAll, gaveBack, readyToLeave, takeShare, tellMoves, type Sources } from './shares.ts'

interface MemberParts {
  /** Makes this process a member under a new name. */
  readonly join: () => Promise<Membership>
  readonly sources: Sources
  readonly buffer: IngestBuffer
  readonly flushing: () => Flushing
  readonly leaseSeconds: number
  readonly now: () => number
  readonly random: () => number
}

/** This worker among the others: its name while it is one, and what it was told last. */
interface Member {
  /** '' before the first membership. */
  worker: string
  members: number
  /** A share was claimed at least once. */
  shared: boolean
  /** When the partitions to share were last looked at; undefined before the first time. */
  sharedAtMs: number | undefined
  membership: Membership | undefined
}

export const openMember = (): Member => ({
  worker: '',
  members: 0,
  shared: false,
  sharedAtMs: undefined,
  membership: undefined,
})

const SHARE_MS = 1_000

/** Joins, renews the lease, claims and gives back until the signal comes. Joins anew whenever the membership has ended. */
export async function memberLoop(parts: MemberParts, member: Member, signal: AbortSignal): Promise<void> {
  for (let failures = 0; !signal.aborted;) {
    try {
      const membership = await parts.join()
      failures = 0
      member.membership = membership
      member.worker = membership.worker
      await live(parts, member, membership, signal)
    } catch (error) {
      tell('ingest.member', error)
      await pause(backoffMs(failures, parts.random), signal)
      failures += 1
    }
  }
}

/** One membership, until it ends or the signal comes. */
async function live(parts: MemberParts, member: Member, membership: Membership, signal: AbortSignal): Promise<void> {
  const ended = new AbortController()
  const until = AbortSignal.any([signal, ended.signal])
  const beating = beat(parts, membership, until).then((alive) => {
    if (!alive) ended.abort()
  })
  while (!until.aborted) {
    try {
      const share = await membership.share()
      if (until.aborted) break
      member.members = share.members
      member.sharedAtMs = parts.now()
      const strays = takeShare(parts.sources, parts.buffer, membership.worker, share, parts.now())
      if (strays.length > 0) await membership.giveBack(strays)
      member.shared = true
      parts.flushing().tick()
      await giveBack(parts, member, membership)
    } catch (error) {
      tell('ingest.share', error)
    }
    await pause(SHARE_MS, until)
  }
  await beating
  if (signal.aborted) return
  // The lease ran out: others may own everything by now.
  member.membership = undefined
  const lost = forgetAll(parts.sources, parts.buffer)
  tellMoves(parts.sources, { worker: membership.worker, members: member.members, lost })
}

async function giveBack(parts: MemberParts, member: Member, membership: Membership): Promise<void> {
  const ready = readyToLeave(parts.sources, parts.buffer, (source) => parts.flushing().isInFlight(source))
  if (ready.length === 0) return
  for (const source of ready) if (source.retiring) await membership.retire(source)
  await membership.giveBack(ready.filter((source) => !source.retiring))
  const { worker } = membership
  gaveBack(parts.sources, parts.buffer, ready, { worker, members: member.members, nowMs: parts.now() })
}

/** Renews the lease three times in its length. Answers false when it had ended; while Postgres is away nobody knows. */
async function beat(parts: MemberParts, membership: Membership, until: AbortSignal): Promise<boolean> {
  while (!until.aborted) {
    await pause((parts.leaseSeconds * 1000) / 3, until)
    if (until.aborted) break
    try {
      if (!(await membership.heartbeat())) return false
    } catch (error) {
      tell('ingest.heartbeat', error)
    }
  }
  return true
}

/** Postgres being away is announced by whoever watches it; anything else is a defect. */
function tell(where: string, error: unknown): void {
  if (!isAway(error)) tellDefect(where, error)
}
