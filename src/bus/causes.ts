import { BusUnreachable } from './port.ts'

/**
 * What a broker's no on the way in means, and which setting answers it. Each text was seen with Apache Kafka 4.1.2
 * (`test/real/kafka-secure.test.ts`); what is not known stays as the operating system said it.
 */
const MEANINGS: readonly (readonly [RegExp, string])[] = [
  [
    /SASL authentication failed|Invalid server signature/,
    'it refused the user or the password; check PULSE_KAFKA_SASL_USERNAME, PULSE_KAFKA_SASL_PASSWORD and PULSE_KAFKA_SASL_MECHANISM',
  ],
  [/SASL mechanism/, 'it does not offer the mechanism; check PULSE_KAFKA_SASL_MECHANISM'],
  [/current SASL state/, 'its listener asks for no SASL; unset PULSE_KAFKA_SASL_MECHANISM or use its other port'],
  [/requires TLS/, 'its listener speaks TLS; set PULSE_KAFKA_TLS=true'],
  [
    /before secure TLS connection|wrong version number|verify the broker supports TLS/,
    'its listener does not seem to speak TLS; unset PULSE_KAFKA_TLS or use its other port',
  ],
  // Before the next, whose text it has, too.
  [
    /altname|does not match certificate/i,
    'its certificate is for another name; use that name in PULSE_KAFKA_BROKERS and in the advertised listeners of the brokers',
  ],
  [/certificate/i, 'its certificate is not trusted; name the authority that signed it in PULSE_KAFKA_TLS_CA_FILE'],
  [/ENOENT|EACCES/, 'a file that PULSE_KAFKA_TLS_CA_FILE, _CERT_FILE or _KEY_FILE names cannot be read'],
  [
    /^Connection closed/,
    'it closed the connection at the first question; if its listener asks for TLS or SASL, set PULSE_KAFKA_TLS and PULSE_KAFKA_SASL_MECHANISM',
  ],
]

/** Why a connection could not be opened: the cause as it was told, then what it means where that is known. */
export function whyClosed(error: unknown): string {
  const cause = rootCause(error)
  const meaning = MEANINGS.find(([text]) => text.test(cause))?.[1]
  return meaning === undefined ? cause : `${cause}: ${meaning}`
}

/** Why a call failed: with what that means, where no connection came about. */
export const causeOf = (error: unknown): string =>
  error instanceof BusUnreachable ? whyClosed(error) : rootCause(error)

/** The innermost sentence of a nested error: what the operating system said. */
export function rootCause(error: unknown): string {
  let at: unknown = error
  for (let depth = 0; depth < 8; depth += 1) {
    const inner: unknown =
      at instanceof AggregateError && at.errors.length > 0 ? at.errors[0] : (at as Error | undefined)?.cause
    if (!(inner instanceof Error)) break
    at = inner
  }
  const text = at instanceof Error ? at.message || ((at as NodeJS.ErrnoException).code ?? at.name) : String(at)
  return text.replace(/\.$/, '')
}
