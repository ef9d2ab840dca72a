export { SYSTEM_CLASSES } from './classes.ts'
export { columnsOf, requireTimestamp } from './columns.ts'
export { compose, composedFrom, type Composed, type Composition } from './compose.ts'
export { checkDefinition, compositionOf, referencesOf, type EntityKind } from './definition.ts'
export {
  checkDescriptor,
  DESCRIPTOR_KINDS,
  EACH,
  descriptorInvalid,
  noPlace,
  PII,
  placeFault,
  schemaAt,
  stepsOf,
  type DescriptorKind,
} from './descriptors.ts'
export { contentsOf, evolveColumns, membersOf, type Evolution, type Rename } from './evolve.ts'
export { isFormat } from './formats.ts'
export { inline } from './inline.ts'
export { judge } from './judge.ts'
export type { Definition } from './keywords.ts'
export { MOVES, nextStatus, STATUSES, type EntityStatus } from './lifecycle.ts'
export { describe, NO_NOTES, type Notes } from './notes.ts'
export { quotesNumber } from './numbers.ts'
export type { Origins } from './origins.ts'
export { tooLarge } from './too-large.ts'
export { addUniqueItems } from './unique.ts'
export { compileValidator, isRangeOnly, MOST_FAULTS, type Validator } from './validator.ts'
