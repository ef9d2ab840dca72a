import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Owner } from './postgres.ts'

/** An empty folder of the test's own, which goes with it. */
export async function ownFolder(owner: Owner): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'pulse-test-'))
  owner.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}
