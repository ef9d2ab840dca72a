export { systemClock, rfc3339Micros, type Clock } from './clock.ts'
export {
  arrayElements,
  endOfValue,
  membersOf,
  objectMembers,
  onOneLine,
  skipSpace,
  trimEnd,
  type Extent,
} from './extents.ts'
export { readEvent, type Encoding, type EventLimits, type ReadEvent } from './envelope.ts'
export { oddNumbers, pointerAt, repeatedMember, type OddNumber } from './findings.ts'
export { canonicalUuid, deriveId, isUuid, uuidBytes, uuidText, uuidv7 } from './ids.ts'
export { instantOf } from './instants.ts'
export { isZero, keptByDouble, wholeOf } from './literal.ts'
export { DEAD_LETTER_REASONS, RECORD_HEADERS, dlqTopic, rawTopic, type DeadLetterReason } from './record.ts'
export { countMembers, inspect } from './scan.ts'
export { mintSpanId, mintTraceparent, parseTraceparent, traceparentOf, type Traceparent } from './trace.ts'
export { pointerOf, type Path } from './walk.ts'
