interface PgFault {
  readonly code?: string
  readonly constraint?: string
}

/** The constraint that a unique violation names ('' where it names none), or undefined for any other error. */
export function uniqueViolation(error: unknown): string | undefined {
  const fault = error as PgFault | null
  if (fault === null || typeof fault !== 'object' || fault.code !== '23505') return undefined
  return fault.constraint ?? ''
}
