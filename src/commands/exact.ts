/** ECMAScript's proposal "JSON.parse source text access", which Node 24 has and TypeScript's library does not name yet. */
const exact = JSON as unknown as {
  rawJSON(text: string): object
  isRawJSON(value: unknown): boolean
  parse(text: string, reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown): unknown
}

/** JSON whose numbers are written again as they were: those that a double does not keep stand as their own text. Throws on what is none. */
export const parseExactly = (text: string): unknown =>
  exact.parse(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && String(value) !== source ? exact.rawJSON(source) : value,
  )

/** Whether it is a number that stands as its own text. */
export const isExact = (value: unknown): boolean => exact.isRawJSON(value)
