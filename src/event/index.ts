export {
  DEAD_LETTER_REASONS,
  RECORD_HEADERS,
  dlqTopic,
  rawTopic,
  type DeadLetterReason,
} from './record.ts'
