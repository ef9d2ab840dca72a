import { compileValidator, composedFrom, type Validator } from '../pdm/index.ts'

/** Compiled validators by schema id: a published schema never changes, so neither does its validator. */
export interface Validators {
  of(schemaId: string, composedText: string): Validator
}

/** Keeps the `most` used last: compiling takes milliseconds, a validator some tens of KiB. */
export function openValidators(most = 2_000): Validators {
  const known = new Map<string, Validator>()
  return {
    of(schemaId, composedText) {
      const found = known.get(schemaId)
      if (found !== undefined) known.delete(schemaId)
      const validator = found ?? compileValidator(composedFrom(composedText))
      known.set(schemaId, validator)
      if (known.size > most) known.delete(known.keys().next().value as string)
      return validator
    },
  }
}
