export {
  LETTER_GROUPS,
  countLetters,
  getLetter,
  listLetters,
  payloadOf,
  withoutQuotes,
  type LetterWithPayload,
} from './letters.ts'
export { receiptOf, type Receipt } from './receipt.ts'
export { replayLetter, replaySlice, type Replayer } from './replay.ts'
export { openWatermarks, type Watermarks } from './watermark.ts'
