import type { OwnedPartition } from '../../src/ingest/claims.ts'
import { openSource, type Source } from '../../src/ingest/sources.ts'

/** A partition that was just claimed, from its first record on unless `claim` says otherwise. */
export const claimed = (claim: Partial<OwnedPartition> = {}): Source =>
  openSource({
    topicId: 'id',
    topic: 'topic',
    partition: 0,
    tenantId: 't',
    generation: 1,
    flushes: 0,
    nextOffset: 0,
    settled: new Map(),
    ...claim,
  })
