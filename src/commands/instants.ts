import type { Call } from './verb.ts'

/** An instant as the API takes it: a day alone is its first in UTC. What is none goes as it is, and the API says what one is. */
export function instantOf(call: Pick<Call, 'option'>, name: string): string | undefined {
  const text = call.option(name)
  return text !== undefined && /^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text
}
