import { setTimeout as delay } from 'node:timers/promises'

/** Asks `url` until it answers 2xx; `undefined` then, else what it said last when `patienceMs` is over. */
export async function untilOk(url: string, patienceMs: number): Promise<string | undefined> {
  let said = 'no answer'
  for (const until = performance.now() + patienceMs; performance.now() < until; await delay(50)) {
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) })
      said = (await answer.text()).trim()
      if (answer.ok) return undefined
    } catch (error) {
      said = (error as Error).message
    }
  }
  return said
}

/** Like Promise.all; named for what matters here: the first fault is thrown at once, and no other goes unheard. */
export async function allOrFirstFault<const T extends readonly unknown[]>(
  waits: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  for (const wait of waits) Promise.resolve(wait).catch(() => {})
  return (await Promise.all(waits)) as { -readonly [K in keyof T]: Awaited<T[K]> }
}

const PLACES: Readonly<Record<string, string>> = {
  postgres: 'Postgres (PULSE_DATABASE_URL)',
  kafka: 'the bus (PULSE_KAFKA_BROKERS)',
  minio: 'the lake (PULSE_WAREHOUSE)',
}

/** A sentence for what `/ready` said last, naming the settings of what it cannot reach. */
export function notReadySentence(said: string, logs: string): string {
  let away: string[] = []
  try {
    const { checks } = JSON.parse(said) as { checks: Record<string, boolean> }
    away = Object.keys(checks)
      .filter((check) => checks[check] === false)
      .map((check) => PLACES[check] ?? check)
  } catch {
    // not the API's own words
  }
  const what = away.length === 0 ? `is not ready (${said})` : `cannot reach ${away.join(' and ')}`
  return `The API ${what}: check ${away.length === 0 ? 'its log' : 'the setting and what it names'}; more is in ${logs}.`
}
