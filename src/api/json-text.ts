/**
 * JSON answers that carry some members as text, so that a definition comes back as it was sent: keys in
 * their order, numbers digit for digit.
 */
type Member = readonly [name: string, text: string] | undefined

export const textOf = (value: unknown): string => JSON.stringify(value)

/** An object from members whose values are JSON text already; undefined members are left out. */
export function objectText(members: readonly Member[]): string {
  let text = ''
  for (const member of members) {
    if (member !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(member[0])}:${member[1]}`
  }
  return `{${text}}`
}

/** A page of items that are JSON text already. */
export const pageText = (items: readonly string[], nextCursor: string | null): string =>
  `{"items":[${items.join(',')}],"next_cursor":${JSON.stringify(nextCursor)}}`
