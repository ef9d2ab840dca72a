export { openMembership } from './claims.ts'
export { startIngest, type Ingest, type IngestLimits, type IngestParts } from './ingest.ts'
export { openAdoptTopic, openFlushLake, openFlushRecord, type FlushLake, type FlushRecord } from './places.ts'
export { imbalance } from './tally.ts'
