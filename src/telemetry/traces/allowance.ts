/** Whether another trace of our own may be kept now. */
export type Allowance = () => boolean

/**
 * Up to `perSecond` yeses a second on average and at once, so that what happens rarely is always let through and what
 * happens often costs a bounded amount. 0 lets nothing through; less than 1 lets one through at first.
 */
export function openAllowance(perSecond: number, now: () => number): Allowance {
  const most = perSecond <= 0 ? 0 : Math.max(1, perSecond)
  let left = most
  let atMs = now()
  return () => {
    const nowMs = now()
    left = Math.min(most, left + ((nowMs - atMs) / 1000) * perSecond)
    atMs = nowMs
    if (left < 1) return false
    left -= 1
    return true
  }
}
