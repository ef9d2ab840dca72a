import { announce } from '../telemetry/index.ts'

/** Says that something happened which nobody foresaw, with its stack; whose work it was is in the context. */
export function tellDefect(where: string, error: unknown): void {
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  announce('process.defect', { where, detail: message, stack })
}
