import { execFile } from 'node:child_process'

/** Where the tables are, for a checker that shares no code with us. */
interface Tables {
  readonly adminUrl: string
  readonly env: NodeJS.ProcessEnv
}

interface Finding {
  readonly severity: string
  readonly code: string
  readonly detail: string
}

/**
 * What a strict checker of Iceberg's files finds wrong with a table, a sentence each. `command` is a program and its first arguments, separated by
 * spaces: it gets `--catalog-uri`, `--namespace`, `--table` and, for S3, where that is, and prints a JSON list of findings of which the last says how much
 * was looked at.
 */
export async function check(
  command: string,
  { adminUrl, env }: Tables,
  namespace: string,
  table: string,
): Promise<readonly string[]> {
  const [program = '', ...args] = command.split(' ')
  args.push('--catalog-uri', adminUrl, '--namespace', namespace, '--table', table)
  if (env['PULSE_WAREHOUSE']?.startsWith('s3://') === true)
    args.push('--s3-endpoint', String(env['PULSE_S3_ENDPOINT']), '--s3-key', String(env['PULSE_S3_ACCESS_KEY']))
  if (env['PULSE_S3_SECRET_KEY'] !== undefined) args.push('--s3-secret', env['PULSE_S3_SECRET_KEY'])
  const { promise, resolve } = Promise.withResolvers<readonly [stdout: string, stderr: string]>()
  execFile(program, args, { timeout: 120_000, maxBuffer: 1 << 26 }, (_error, stdout, stderr) =>
    resolve([stdout, stderr]),
  )
  const [stdout, stderr] = await promise
  let findings: readonly Finding[]
  try {
    findings = JSON.parse(stdout) as readonly Finding[]
  } catch {
    return [`the checker said nothing of ${table} that can be read: ${stderr.slice(-1_000)}`]
  }
  if (findings.at(-1)?.code !== 'CHECKED') return [`the checker did not come to the end of ${table}`]
  return (
    findings
      // What it warns of is what expiry does by design: a snapshot whose parent is gone.
      .filter(({ severity }) => severity === 'error')
      .map(({ code, detail }) => `${table} is broken, ${code}: ${detail}`)
  )
}
