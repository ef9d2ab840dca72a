/** The candidate that needs the fewest edits (insert, delete, change, swap of neighbours) to become `text`. */
export function nearest(text: string, candidates: readonly string[]): string {
  let best = { candidate: candidates[0] ?? '', edits: Infinity }
  for (const candidate of candidates) {
    const edits = distance(text, candidate)
    if (edits < best.edits) best = { candidate, edits }
  }
  return best.candidate
}

function distance(a: string, b: string): number {
  let before: number[] = []
  let above = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1
      let edits = Math.min((above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (above[j - 1] ?? 0) + change)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        edits = Math.min(edits, (before[j - 2] ?? 0) + 1)
      row.push(edits)
    }
    before = above
    above = row
  }
  return above[b.length] ?? 0
}
