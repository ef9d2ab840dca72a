import type { Call, Option } from './verb.ts'

export const DELIMITER: Option = { flags: '--delimiter <character>', says: 'of a CSV file, where it is no comma' }

/** What parts the cells of a CSV file, where that is no comma: as it was said, or a tab where the file's name says so. */
export const delimiterOf = (call: Call, file: string): string | undefined =>
  call.option('delimiter') ?? (/\.tsv(\.\w+)?$/i.test(file) ? '\t' : undefined)
