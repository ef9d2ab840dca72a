import type { Books } from '../soak/books.ts'

/** Guarantees that can be switched off, to see that the harness notices. */
export const SABOTAGES = ['ledger', 'fence', 'cas', 'sync'] as const
export type Sabotage = (typeof SABOTAGES)[number]

/** For each a line of `commit_flush` and what is put in its place; `sync` is done in the bus's process (preload.ts). */
const CUTS: Readonly<Record<Exclude<Sabotage, 'sync'>, readonly [from: string, to: string]>> = {
  // An id that the ledger knows is written once more.
  ledger: ['IF d.rows > 0 THEN PERFORM ledger_add', 'IF false THEN PERFORM ledger_add'],
  // Whoever believes to own a partition may commit, and believes it for ever (preload.ts).
  fence: [
    "IF wrong IS NOT NULL THEN RETURN jsonb_build_object('kind', 'fenced'",
    "IF false THEN RETURN jsonb_build_object('kind', 'fenced'",
  ],
  // A table may have moved since the flush was staged on it.
  cas: [
    "IF wrong IS NOT NULL THEN RETURN jsonb_build_object('kind', 'table_moved'",
    "IF false THEN RETURN jsonb_build_object('kind', 'table_moved'",
  ],
}

/** Switches the guarantee off in the running system's Postgres. */
export async function sabotage(books: Books, what: Sabotage): Promise<void> {
  if (what === 'sync') return
  const [row] = await books.ask<{ text: string }>(
    `SELECT pg_get_functiondef(oid) AS text FROM pg_proc WHERE proname = 'commit_flush'`,
  )
  const [from, to] = CUTS[what]
  if (row?.text.split(from).length !== 2) throw new Error(`commit_flush does not have "${from}" once`)
  await books.ask(row.text.replace(from, () => to))
}
