import type { traceCommand as TraceCommand } from './trace-command.ts'

export { doctorCommand, type DoctorOptions } from './command.ts'
export type { TraceOptions } from './trace-command.ts'

/** Loaded when it is called: the doctor has no use for a Kafka client. */
export const traceCommand: typeof TraceCommand = async (...given) =>
  (await import('./trace-command.ts')).traceCommand(...given)
