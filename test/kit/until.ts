import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Waits until `holds` answers something truthy and gives it back; throws with the last answer when
 * the bound passes. A condition that throws counts as not yet.
 */
export async function until<T>(
  what: string,
  holds: () => Promise<T | undefined | false | null> | T | undefined | false | null,
  timeoutMs = 20_000,
  everyMs = 50,
): Promise<T> {
  const endsAt = Date.now() + timeoutMs
  let last: unknown
  for (;;) {
    try {
      const answer = await holds()
      if (answer) return answer
      last = answer
    } catch (error) {
      last = error
    }
    if (Date.now() >= endsAt) {
      const detail = last instanceof Error ? last.message : JSON.stringify(last)
      throw new Error(`Waited ${timeoutMs} ms for: ${what}. Last answer: ${detail}`)
    }
    await sleep(everyMs)
  }
}
