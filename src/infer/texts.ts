import { isFormat } from '../pdm/index.ts'

/** What the texts at one place have in common. */
export interface Texts {
  readonly seen: number
  /** The formats that every text has so far, the most telling first. */
  readonly formats: readonly string[]
  /** How often each value was seen; undefined from the first value on that is one too many, or no word. */
  readonly values: ReadonlyMap<string, number> | undefined
  /** Every text so far reads as an instant, though not as RFC 3339. */
  readonly almostTimes: boolean
  /** Every text so far is a plain decimal number with a fraction. */
  readonly decimals: boolean
}

interface Noted extends Texts {
  seen: number
  formats: readonly string[]
  values: Map<string, number> | undefined
  almostTimes: boolean
  decimals: boolean
}

/** Formats that a text shows by itself. A hostname is not among them: every word is one. */
const FORMATS = ['date-time', 'date', 'time', 'uuid', 'email', 'ipv4', 'ipv6', 'uri', 'duration'] as const
const MOST_VALUES = 16
const LONGEST_VALUE = 100
const ALMOST_TIME = /^(?:\d{4}-\d{2}-\d{2}|\d{1,2}[/.]\d{1,2}[/.]\d{2,4})(?:[ T]\d{1,2}:\d{2}.*)?$/
const DECIMAL = /^-?(?:0|[1-9]\d{0,30})\.\d{1,18}$/

export function newTexts(): Texts {
  const texts: Noted = { seen: 0, formats: FORMATS, values: new Map(), almostTimes: true, decimals: true }
  return texts
}

/** Takes one more text in. */
export function noteText(into: Texts, text: string): void {
  const texts = into as Noted
  texts.seen++
  if (texts.formats.length > 0) texts.formats = texts.formats.filter((format) => has(format, text))
  texts.almostTimes &&= text.length < 60 && ALMOST_TIME.test(text)
  texts.decimals &&= text.length < 60 && DECIMAL.test(text)
  if (texts.values === undefined) return
  // No table keeps NUL in a definition: such a text is never one of a few words.
  const isWord = text.length <= LONGEST_VALUE && !text.includes('\u0000')
  if (isWord) texts.values.set(text, (texts.values.get(text) ?? 0) + 1)
  if (!isWord || texts.values.size > MOST_VALUES) texts.values = undefined
}

const has = (format: string, text: string): boolean =>
  isFormat(format, text) && (format !== 'uri' || /^[a-z][a-z0-9+.-]*:\/\//i.test(text))

/** What texts of several places have in common; undefined where there are none. */
export function textsTogether(places: readonly Texts[]): Texts | undefined {
  if (places.length === 0) return undefined
  const sum = newTexts() as Noted
  for (const { seen, formats, values, almostTimes, decimals } of places) {
    sum.seen += seen
    sum.formats = sum.formats.filter((format) => formats.includes(format))
    sum.almostTimes &&= almostTimes
    sum.decimals &&= decimals
    if (values === undefined) sum.values = undefined
    for (const [text, count] of values ?? []) sum.values?.set(text, (sum.values.get(text) ?? 0) + count)
    if ((sum.values?.size ?? 0) > MOST_VALUES) sum.values = undefined
  }
  return sum
}

/** Seen at least so often, and each value so often on average and at least twice: few values that repeat. */
const FEW = { seen: 20, times: 5 }

/** The values, where they are few and repeat. */
export function fewValues({ seen, values }: Texts): readonly string[] | undefined {
  if (values === undefined || values.size < 2 || seen < FEW.seen || seen < values.size * FEW.times) return undefined
  return [...values.values()].every((count) => count > 1) ? [...values.keys()].toSorted() : undefined
}
