import { setTimeout as delay } from 'node:timers/promises'
import { Problem } from '../problems/index.ts'

interface Slots {
  /** A place for one upload until it is disposed of. Throws `overloaded`. */
  take(tenantId: string): Disposable
  /** The place for whoever goes on after it was disposed of once: it is given back with the second time. */
  keep(slot: Disposable): Disposable
  /** Resolves when nobody has a place. */
  empty(): Promise<void>
}

/** Places for uploads, few of all and fewer of one tenant: each holds some MiB. */
export function openSlots(most: number, mostOfOne: number): Slots {
  const taken = new Map<string, number>()
  const held = new WeakMap<Disposable, () => void>()
  let total = 0
  return {
    take(tenantId) {
      const own = taken.get(tenantId) ?? 0
      if (total >= most || own >= mostOfOne)
        throw new Problem(
          'overloaded',
          own >= mostOfOne
            ? `The tenant has ${own} uploads under way here: send this one when one of them is done.`
            : 'There are too many uploads at once. Send it again a little later.',
          { retryAfterSeconds: 5, shed: 'inflight' },
        )
      taken.set(tenantId, own + 1)
      total += 1
      let holders = 1
      const slot = {
        [Symbol.dispose]() {
          if (--holders > 0) return
          total -= 1
          const left = (taken.get(tenantId) ?? 1) - 1
          if (left === 0) taken.delete(tenantId)
          else taken.set(tenantId, left)
        },
      }
      held.set(slot, () => void (holders += 1))
      return slot
    },
    keep(slot) {
      held.get(slot)?.()
      return slot
    },
    async empty() {
      while (total > 0) await delay(10)
    },
  }
}
