import { readFile, rename, writeFile } from 'node:fs/promises'

/** What one run found. */
interface Found {
  readonly faults: Readonly<Record<string, number>>
  readonly lost: number
  readonly doubled: number
  readonly wrong: readonly string[]
}

interface Sum {
  readonly runs: number
  readonly faults: Readonly<Record<string, number>>
  readonly lost: number
  readonly doubled: number
  readonly wrong: readonly string[]
}

interface Progress {
  readonly seed: number
  /** Runs that are over. */
  readonly done: number
  add(found: Found): Promise<void>
  /** What is wrong with all of it, and with no run; not kept. */
  blame(wrong: readonly string[]): void
  sum(): Sum
}

/** How far a campaign is; with a path it is kept there after every run, and taken up again from there, its seed included. */
export async function openProgress(path: string | undefined, seed: number): Promise<Progress> {
  const kept =
    path === undefined
      ? undefined
      : await readFile(path, 'utf8').then(
          (text) => JSON.parse(text) as { seed: number; sum: Sum },
          () => undefined,
        )
  let sum: Sum = kept?.sum ?? { runs: 0, faults: {}, lost: 0, doubled: 0, wrong: [] }
  const ownSeed = kept?.seed ?? seed
  return {
    seed: ownSeed,
    done: sum.runs,
    sum: () => sum,
    blame: (wrong) => void (sum = { ...sum, wrong: [...sum.wrong, ...wrong] }),
    async add(found) {
      const faults = { ...sum.faults }
      for (const [name, count] of Object.entries(found.faults)) faults[name] = (faults[name] ?? 0) + count
      sum = {
        runs: sum.runs + 1,
        faults,
        lost: sum.lost + found.lost,
        doubled: sum.doubled + found.doubled,
        wrong: [...sum.wrong, ...found.wrong],
      }
      if (path === undefined) return
      await writeFile(`${path}.new`, JSON.stringify({ seed: ownSeed, sum }, null, 1))
      await rename(`${path}.new`, path)
    },
  }
}
