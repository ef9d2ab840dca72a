import type { BusState } from './topics.ts'

/**
 * Whether `group` may add `bytes`. A sentence where not.
 *
 * The bus is shared: the last quarter of its space is open only to those who hold less than an equal share, so that
 * one tenant that is not drained cannot take the bus away from all others. A group that is alone may have all of it.
 */
export function refuseForSpace(
  state: BusState,
  group: string,
  bytes: number,
  maxBytes: number,
  waiting: { readonly bytes: number; readonly group: number },
): string | undefined {
  const total = state.liveBytes + waiting.bytes + bytes
  if (total > maxBytes) return `The bus is full: ${maxBytes} bytes of records wait to be settled (PULSE_BUS_MAX_BYTES).`
  if (total <= maxBytes * 0.75) return undefined
  const share = maxBytes / Math.max(1, state.liveByGroup.size)
  const own = (state.liveByGroup.get(group) ?? 0) + waiting.group + bytes
  if (own <= share) return undefined
  return `The bus is nearly full, and these topics hold more than their share of ${Math.floor(share)} bytes (PULSE_BUS_MAX_BYTES).`
}
