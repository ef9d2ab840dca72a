export { openMembership, WorkerNameTaken, type Membership, type OwnedPartition, type Share } from './claims.ts'
export { startIngest, type Ingest, type IngestFacts, type IngestLimits, type IngestParts } from './ingest.ts'
export {
  openAdoptTopic,
  openFlushLake,
  openFlushRecord,
  type AdoptTopic,
  type FlushLake,
  type FlushRecord,
  type LakeOptions,
} from './places.ts'
export { imbalance, type Tally } from './tally.ts'
