import { isLakeFault, type Table } from '../lake/index.ts'
import { announce } from '../telemetry/index.ts'
import { abandon, abandonRows, isLost, leftBehind, released, setAside } from './aside.ts'
import { putBack } from './buffer.ts'
import { commit } from './commit.ts'
import { tellDefect } from './defect.ts'
import { dropKnown, idsOf, openDraft, rowsOf, type Draft } from './draft.ts'
import { patiently, type FlushParts } from './flush-parts.ts'
import type { Take } from './lane.ts'
import { openStory, type Story } from './story.ts'
import { DatasetLeft, openTable, openWritten, writeDataset, type WriteContext, type Written } from './write.ts'

/**
 * Flushes one tenant's takes: plan, write, commit, settle. Always ends with every record of them
 * settled, buffered again or released. Never rejects.
 */
export async function flush(parts: FlushParts, tenantId: string, takes: readonly Take[]): Promise<void> {
  const story = openStory(parts, tenantId, takes)
  await story.within(() => carryOut(parts, story, takes))
}

async function carryOut(parts: FlushParts, story: Story, takes: readonly Take[]): Promise<void> {
  const { tenantId, flushId } = story
  const context: WriteContext = {
    lake: parts.lake,
    flushId,
    story,
    maxOpenFiles: parts.limits.maxOpenFiles,
    point: parts.point,
  }
  const pending = new Map<Take, Written | undefined>(takes.map((taken) => [taken, undefined]))
  const leave = (taken: Take, left: DatasetLeft): void => {
    pending.delete(taken)
    setAside(parts, story, taken, left)
  }
  try {
    const written = await write(parts, context, tenantId, pending, leave)
    if (written !== undefined) await commit(parts, context, { tenantId, ...written, pending, leave })
  } catch (error) {
    for (const taken of pending.keys()) {
      if (!parts.signal.aborted) setAside(parts, story, taken, new DatasetLeft('lake', messageOf(error), error))
      else released(taken, putBack(parts.buffer, taken))
    }
    if (!parts.signal.aborted) {
      await abandon(parts, tenantId, flushId, pending.values())
      if (!(error instanceof DatasetLeft) && !isLakeFault(error)) tellDefect('ingest.flush', error)
    }
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Drafts, tables, intent, files: everything up to the commit. Takes that cannot be written have left; undefined = all did, before anything was opened. */
async function write(
  parts: FlushParts,
  context: WriteContext,
  tenantId: string,
  pending: Map<Take, Written | undefined>,
  leave: (taken: Take, left: DatasetLeft) => void,
): Promise<{ written: Written[]; orphans: string[] } | undefined> {
  const { story } = context
  for (const taken of pending.keys()) {
    const draft = await story.step('dedup', () => dedup(parts, tenantId, taken), taken)
    try {
      const opening = (): Promise<Table | undefined> => patiently(parts, () => openTable(parts.lake, draft))
      pending.set(taken, openWritten(draft, await story.step('open_table', opening, taken)))
    } catch (error) {
      if (!(error instanceof DatasetLeft)) throw error
      if (!isLost(parts, taken, error)) leave(taken, error)
      else pending.set(taken, abandonRows(story, draft, error))
    }
  }
  const locations = [...pending.values()].flatMap((written) => written?.table?.location ?? [])
  if (pending.size === 0) return undefined
  await parts.point('flush.drafted')
  const intent = { flushId: context.flushId, tenantId, worker: parts.worker(), locations }
  await story.step('intent', () => patiently(parts, () => parts.record.openIntent(intent)))
  await parts.point('flush.intent_opened')
  const written: Written[] = []
  const orphans: string[] = []
  for (const [taken, opened] of pending) {
    if (opened === undefined) continue
    try {
      written.push(await writeDataset(context, opened))
    } catch (error) {
      if (!(error instanceof DatasetLeft)) throw error
      orphans.push(...(await leftBehind(parts, context.flushId, opened)))
      if (!isLost(parts, taken, error)) leave(taken, error)
      else written.push(abandonRows(story, opened.draft, error))
    }
  }
  return { written, orphans }
}

/** Ids are looked up beforehand only where repeats are likely, so that the common flush pays one INSERT. */
async function dedup(parts: FlushParts, tenantId: string, taken: Take): Promise<Draft> {
  const draft = openDraft(taken)
  const { lane } = taken
  if (!lane.repeatsLikely || rowsOf(draft) === 0) return draft
  const ids = idsOf(draft)
  const from = parts.now()
  const known = await patiently(parts, () => parts.record.knownIds(tenantId, lane.datasetNumber, ids))
  announce('worker.ledger.asked', {
    tenant: lane.tenantSlug,
    ids: ids.length,
    known: known.size,
    tookMs: parts.now() - from,
  })
  dropKnown(draft, known)
  return draft
}
