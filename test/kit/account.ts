import assert from 'node:assert/strict'

/**
 * The account of a run: every acknowledged event is a row or a dead letter, nothing is there that
 * was never sent, and no id has two rows.
 */
interface Account {
  readonly sent: ReadonlySet<string> | ReadonlyMap<string, unknown>
  readonly acknowledged: ReadonlySet<string>
  readonly rowIds: readonly string[]
  readonly deadLetterIds: readonly string[]
}

interface Balance {
  readonly lost: readonly string[]
  readonly doubled: readonly string[]
  readonly invented: readonly string[]
}

function balanceOf(account: Account): Balance {
  const rows = new Set<string>()
  const doubled: string[] = []
  for (const id of account.rowIds) {
    if (rows.has(id)) doubled.push(id)
    rows.add(id)
  }
  const settled = new Set([...rows, ...account.deadLetterIds])
  return {
    lost: [...account.acknowledged].filter((id) => !settled.has(id)),
    doubled,
    invented: [...settled].filter((id) => !account.sent.has(id)),
  }
}

export function assertBalanced(account: Account, context: string): void {
  const balance = balanceOf(account)
  assert.deepEqual(
    { lost: balance.lost.length, doubled: balance.doubled.length, invented: balance.invented.length },
    { lost: 0, doubled: 0, invented: 0 },
    `${context}; for example ${JSON.stringify({
      lost: balance.lost.slice(0, 3),
      doubled: balance.doubled.slice(0, 3),
      invented: balance.invented.slice(0, 3),
    })}`,
  )
}
