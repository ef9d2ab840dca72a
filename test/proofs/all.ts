import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Proof } from './proof.ts'

/** The proofs of every room, in order of their number. */
export async function allProofs(): Promise<readonly Proof[]> {
  const files = (await readdir(import.meta.dirname)).filter((name) => !/^(all|proof)\.ts$|\.test\.ts$/.test(name))
  const rooms = await Promise.all(
    files.map(async (file) => (await import(join(import.meta.dirname, file))) as { PROOFS: readonly Proof[] }),
  )
  return rooms.flatMap(({ PROOFS }) => PROOFS).toSorted((a, b) => a.number - b.number)
}
