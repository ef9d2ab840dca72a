import { Unanswered, type Answered } from '../client/index.ts'
import { SettingsRefused } from '../config/index.ts'
import { asLine, itemsIn, objectOf } from './answers.ts'
import { cell, plain } from './screen.ts'
import { Mistaken, Refused } from './verb.ts'

/** What a command ends with. */
export const EXIT_CODES = {
  done: { code: 0, says: 'done' },
  not_done: { code: 1, says: 'refused, or not all of it was done: the screen says why' },
  mistaken: { code: 2, says: 'what was typed, or a setting, cannot be understood' },
  later: { code: 3, says: 'nobody answered, or not now (429, 503): the same again later may do' },
  stopped: { code: 130, says: 'stopped with Ctrl-C: the screen says how to go on, where something was under way' },
} as const

/** What to show of a failure, and what to end with. */
interface Failure {
  readonly code: number
  /** For standard error. */
  readonly text: string
}

/** What a person can do about some codes, in words of the command line. */
const HINTS: Readonly<Record<string, string>> = {
  in_use: 'Put a successor in its place first, or archive it all the same: --force.',
  uri_taken: 'Where it is your draft: pulse <kind> edit puts another definition into it.',
  definition_frozen: 'Make a new version: pulse <kind> create, with another --uri and --supersedes.',
  key_required: 'Set PULSE_API_KEY, or PULSE_API_KEY_FILE to a file that holds it.',
  key_invalid: 'The key that was shown is the one of PULSE_API_KEY, or the operator’s in the data folder.',
  tenant_unknown: 'See pulse tenant list, then --tenant <slug or id>, or PULSE_TENANT.',
  scope_missing: 'pulse key create makes a key with other scopes; PULSE_API_KEY shows it.',
  tenant_required: 'Name the tenant: --tenant <slug or id>, or PULSE_TENANT.',
  tenant_mismatch: 'The key has its tenant: leave --tenant and PULSE_TENANT out.',
}

/** Undefined for what is a defect and no failure of the command. `asJson`: machines read it. */
export function failureOf(error: unknown, asJson: boolean): Failure | undefined {
  if (error instanceof Mistaken || error instanceof SettingsRefused)
    return said(EXIT_CODES.mistaken.code, 'mistaken', error.message, asJson)
  if (error instanceof Unanswered) {
    const hint = error.code === 'unreachable' ? ' Is Pulse running? --url or PULSE_URL names another.' : ''
    return said(EXIT_CODES.later.code, error.code, `${error.message}${hint}`, asJson)
  }
  if (!(error instanceof Refused)) return undefined
  const { answered } = error
  const code = answered.status === 429 || answered.status === 503 ? EXIT_CODES.later.code : EXIT_CODES.not_done.code
  const isProblem = typeof objectOf(answered)['code'] === 'string'
  if (asJson && isProblem) return { code, text: asLine(answered.text) }
  if (!isProblem) return said(code, `status_${answered.status}`, `The API answered ${answered.status}.`, asJson)
  return { code, text: problemText(answered) }
}

const said = (code: number, name: string, detail: string, asJson: boolean): Failure => ({
  code,
  text: asJson ? `${JSON.stringify({ code: name, detail })}\n` : `${plain(detail)}\n`,
})

/** A problem document for people: what happened and what to do, each place with what is wrong there, the code, the trace. */
function problemText(answered: Answered): string {
  const { code, detail, errors, etag, trace_id: trace } = objectOf(answered)
  const lines = [cell(detail)]
  const faults = Array.isArray(errors) ? (errors as readonly { pointer?: unknown; message?: unknown }[]) : []
  for (const { pointer, message } of faults) lines.push(`  ${cell(pointer) || '(whole)'}  ${cell(message)}`)
  for (const user of itemsIn(answered, 'used_by')) {
    const { kind, uri, slug, status } = user
    lines.push(`  used by ${cell(kind)} ${cell(uri ?? slug)}${status === undefined ? '' : ` (${cell(status)})`}`)
  }
  if (typeof etag === 'string') lines.push(`What is there now: --if-match ${cell(etag).replaceAll('"', '')}`)
  const hint = HINTS[String(code)]
  if (hint !== undefined) lines.push(hint)
  const after = answered.headers['retry-after']
  if (after !== undefined) lines.push(`Again in ${after} s.`)
  lines.push(`code ${cell(code)} (${answered.status})${typeof trace === 'string' ? `, trace ${cell(trace)}` : ''}`)
  return `${lines.join('\n')}\n`
}
