import { LakeFault, type LakeFaultCode } from '../faults.ts'

/** What an error of the SDK says about itself; all of it may be missing. */
interface Said {
  readonly name?: string
  readonly message?: string
  readonly $metadata?: { readonly httpStatusCode?: number; readonly attempts?: number }
}

export const statusOf = (error: unknown): number | undefined => (error as Said)?.$metadata?.httpStatusCode
export const attemptsOf = (error: unknown): number => (error as Said)?.$metadata?.attempts ?? 1
export const nameOf = (error: unknown): string => (error as Said)?.name ?? ''

/** Answers that somebody has to act on, by the names that S3 gives them. */
const REMEDIES: Readonly<Record<string, string>> = {
  SignatureDoesNotMatch: 'the store knows the access key and the secret key is another one',
  InvalidAccessKeyId: 'the store does not know the access key',
  NoSuchKeyId: 'the store does not know the access key',
  AccessDenied:
    'the store does not let this key do that: it needs to get, put, delete and list objects, and abort uploads',
  RequestTimeTooSkewed: "this machine's clock and the store's are too far apart: set this one by NTP",
  NoSuchBucket: 'there is no such bucket: Pulse makes none, so make it or name another in the warehouse',
  CredentialsProviderError: 'there are no credentials: neither the two keys are set, nor does the environment have any',
  XMinioStorageFull: 'the store is full',
}

/** S3's answers as this room's faults, with a sentence where somebody has to act. Total: what is not known is `store_away`. */
export function s3Fault(error: unknown, what: string): LakeFault {
  if (error instanceof LakeFault) return error
  const said = (error as Said)?.message || nameOf(error) || String(error)
  const remedy = REMEDIES[nameOf(error)]
  return new LakeFault(codeOf(error), `${what}: ${remedy === undefined ? said : `${remedy} (${said})`}`, error)
}

function codeOf(error: unknown): LakeFaultCode {
  const [status, name] = [statusOf(error), nameOf(error)]
  // A bucket that is gone is nobody's table: nothing is wrong with what lies in it.
  if (name === 'NoSuchBucket' || name === 'CredentialsProviderError') return 'store_refused'
  if (status === 404) return 'object_missing'
  if (status === 412 || status === 409) return 'object_exists'
  return status === 401 || status === 403 || status === 507 ? 'store_refused' : 'store_away'
}
