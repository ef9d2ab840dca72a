/** Pulse cannot start like this. The message is one sentence that says what to do; the exit code is 1. */
export class StartRefused extends Error {
  override readonly name = 'StartRefused'
}

/** The errors of other rooms that are such sentences already. */
const SENTENCES = new Set([
  'StartRefused',
  'SettingsRefused',
  'StoreRefused',
  'MigrateRefused',
  'EmbeddedRefused',
  'BusRefused',
  'BusStartRefused',
  'CanaryRefused',
  'FolderLocked',
  'JournalRefused',
])

/** What to show a user of an error that ended a process: its sentence, or everything where it is a defect. */
export function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (SENTENCES.has(error.name)) return error.message
  const { code, port, address } = error as NodeJS.ErrnoException & { port?: number; address?: string }
  if (code === 'EADDRINUSE') return takenPort(port ?? 0)
  if (code === 'EACCES' && port !== undefined)
    return `Port ${port} on ${address ?? 'this machine'} may not be used by this user: choose one above 1023.`
  if (code === 'EADDRNOTAVAIL')
    return `${address ?? 'The address'} is not an address of this machine: set PULSE_HOST to one that is, for example 127.0.0.1.`
  if (error.name === 'Problem') return error.message
  return error.stack ?? error.message
}

export const isSentence = (error: unknown): boolean =>
  error instanceof Error && (SENTENCES.has(error.name) || error.name === 'Problem' || 'port' in error)

export function takenPort(port: number, setting = 'the setting of that port'): string {
  return `Port ${port} is taken by another program: stop that program, or set ${setting} to a free port (0 = any).`
}
