export { IntentCondemned, abandonIntent, closeIntent, openIntent } from './intents.ts'
export { removeDays } from './removal.ts'
export { sweep } from './sweep.ts'
export { expireFiles } from './expire.ts'
export {
  deleteSettledRecords,
  markSettled,
  pruneAudit,
  pruneFlushes,
  retainDeadLetters,
  rotateLedger,
} from './retain.ts'
export { openRelay, relayDeadLetters } from './relay.ts'
export { startUpkeep } from './upkeep.ts'
export { addSources } from './sources.ts'
export { countPartitions, ledgerFacts, type LedgerFacts } from './census.ts'
