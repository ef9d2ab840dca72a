import type { Store } from '../store/index.ts'
import type { SourcePartition } from './settle.ts'

/** A partition that this worker owns, and where to read on. */
export interface OwnedPartition extends SourcePartition {
  readonly topic: string
  readonly tenantId: string
  /** Goes into every commit: a partition claimed again has another one. */
  readonly generation: number
  /** The first offset to fetch. */
  readonly nextOffset: number
  /** Per dataset id (or `NIL_DATASET`), as of the claim: a record below is a re-read. */
  readonly settled: ReadonlyMap<string, number>
}

export interface Share {
  /** Newly ours by this call. */
  readonly claimed: readonly OwnedPartition[]
  /** Owned, but by the members now alive no longer our share: flush them, then `giveBack`. */
  readonly released: readonly OwnedPartition[]
  /** No longer ours without our doing (lease expired and claimed by another): drop what is buffered, do not flush. */
  readonly lost: readonly OwnedPartition[]
  /** All that is ours in Postgres after this call, `released` included until given back. */
  readonly owned: readonly OwnedPartition[]
  /** Live members, this one included. */
  readonly members: number
}

export interface Membership extends AsyncDisposable {
  readonly worker: string
  /** Renews the lease. Answers false when the membership had already ended: everything owned is lost. */
  heartbeat(): Promise<boolean>
  /** Claims what is free or expired and ours by rendezvous hashing; call about once a second. */
  share(): Promise<Share>
  /** Frees partitions for their new owner (after flushing them). Only those still ours by generation. */
  giveBack(partitions: ReadonlyArray<SourcePartition & { readonly generation: number }>): Promise<void>
  /** Gives everything back and ends the membership. */
  leave(): Promise<void>
}

/** Registers the worker (an id unique per process start) as a live member. */
export async function openMembership(
  store: Store,
  options: { readonly worker: string; readonly leaseSeconds: number },
): Promise<Membership> {
  void store
  void options
  throw new Error('not yet')
}
