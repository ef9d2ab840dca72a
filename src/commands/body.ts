import { readJson } from './input.ts'
import type { Asked, Call } from './verb.ts'

/**
 * Members as one JSON object, and one more from a file, where one is given, as it is written there: what it says of numbers
 * is kept exactly. Rejects with `Mistaken` where the file cannot be read or is no JSON.
 */
export async function bodyWith(
  call: Pick<Call, 'open'>,
  members: Readonly<Record<string, unknown>>,
  { member, file }: { readonly member: string; readonly file: string | undefined },
): Promise<Asked> {
  const text = JSON.stringify(members)
  const read = file === undefined ? undefined : await readJson(await call.open(file), file)
  const more = `${text === '{}' ? '' : ','}${JSON.stringify(member)}:${read?.text ?? ''}}`
  return { content: { type: 'application/json', data: read === undefined ? text : text.slice(0, -1) + more } }
}
