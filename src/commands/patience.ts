import { Unanswered, type Answered } from '../client/index.ts'
import { cell } from './screen.ts'
import { Mistaken, type Call } from './verb.ts'

const SLOWEST_RETRY_MS = 10_000

/** How long a verb tries again, in milliseconds. Throws `Mistaken`. */
export function patienceOf(call: Pick<Call, 'option'>): number {
  const text = call.option('patience') ?? '60'
  const seconds = Number(text)
  if (!(seconds >= 0 && seconds <= 86_400)) throw new Mistaken(`${cell(text)} are no seconds: give 0 to 86400.`)
  return seconds * 1000
}

/** How long to wait before the next try: what the API says, else longer each time. */
export function waitOf(heard: Answered | Unanswered, tries: number): number {
  const seconds = heard instanceof Unanswered ? Number.NaN : Number(heard.headers['retry-after'])
  return Math.min(Number.isFinite(seconds) ? seconds * 1000 : 250 * 2 ** Math.min(tries, 6), SLOWEST_RETRY_MS)
}
