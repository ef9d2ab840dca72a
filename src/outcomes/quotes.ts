import type { DeadLetterReason } from '../event/index.ts'
import { quotesNumber } from '../pdm/index.ts'
import { Problem, type Fault } from '../problems/index.ts'

/** Reasons whose sentence is that of a reader which may quote what it could not read. */
const QUOTING: ReadonlySet<DeadLetterReason> = new Set(['malformed', 'unconvertible'])
const NOT_SHOWN = 'Not shown: it may quote the event, and the key lacks the scope pii.'

/** The letter for whoever may not see personal data: without a sentence that may hold some of it. */
export const withoutQuotes = <L extends { readonly reason: DeadLetterReason; readonly error: string }>(letter: L): L =>
  QUOTING.has(letter.reason) || quotesNumber(letter.error) ? { ...letter, error: NOT_SHOWN } : letter

/** An event's verdict for whoever may not see it, by the same rule: where it is wrong and how, in no words that may be its own. */
export const verdictWithoutQuotes = <V extends { readonly code?: string; readonly errors?: readonly Fault[] }>(
  verdict: V,
): V => {
  const { code, errors = [] } = verdict
  const quotes = ({ message }: Fault): boolean => code === 'malformed' || quotesNumber(message)
  if (!errors.some(quotes)) return verdict
  return { ...verdict, errors: errors.map((fault) => (quotes(fault) ? { ...fault, message: NOT_SHOWN } : fault)) }
}

/** What collect says of one refused event, whose verdict this is, for whoever may not see it. */
export function problemWithoutQuotes(problem: Problem, verdict: Parameters<typeof verdictWithoutQuotes>[0]): Problem {
  const shown = verdictWithoutQuotes(verdict)
  if (shown === verdict) return problem
  return new Problem(
    problem.code,
    'The event was rejected. The sentence that says why may quote it: the key lacks the scope pii.',
    {
      errors: shown.errors ?? [],
      members: { ...problem.members, results: [shown] },
    },
  )
}
