import { cell } from './screen.ts'
import { Mistaken, type Call } from './verb.ts'

/** An option's whole number; undefined where it was not given. Throws `Mistaken`: what is no number would be sent as null, which may mean something. */
export function wholeOf(call: Pick<Call, 'option'>, name: string): number | undefined {
  const text = call.option(name)
  if (text === undefined) return undefined
  if (!/^\d{1,15}$/.test(text)) throw new Mistaken(`${cell(text)} is no whole number.`)
  return Number(text)
}
