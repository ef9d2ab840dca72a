import { keysFolder, reachable, type Settings } from '../config/index.ts'
import type { RunningProcess } from './run-file.ts'

export interface SystemView {
  readonly settings: Settings
  readonly processes: readonly RunningProcess[]
  readonly embedded: { readonly postgres: boolean; readonly bus: boolean; readonly lake: boolean }
  readonly tookMs: number
}

/** What `pulse start` shows when everything runs. Pure; `now` makes the example's slug a new one. */
export function screen({ settings, processes, embedded, tookMs }: SystemView, now: Date): string {
  const host = reachable(settings.host)
  const portOf = (name: RunningProcess['name'], which?: string): number | undefined => {
    const found = processes.find((running) => running.name === name)
    return which === undefined ? found?.port : found?.ports[which]
  }
  const api = `http://${host}:${portOf('api')}`
  const database = URL.parse(settings.databaseUrl ?? '')
  const rows: (readonly [string, string])[] = [
    ['API', `${api}   docs ${api}/docs, metrics ${api}/metrics/`],
    [
      'worker',
      `http://${host}:${portOf('worker', 'health')}/healthz   metrics http://${host}:${portOf('worker', 'metrics')}/metrics`,
    ],
    ...(portOf('canary') === undefined
      ? []
      : [
          [
            'canary',
            `http://${host}:${portOf('canary')}/metrics   sends and reads back every ${settings.canarySeconds} s (PULSE_CANARY_SECONDS)`,
          ] as const,
        ]),
    [
      'Postgres',
      embedded.postgres
        ? `127.0.0.1:${portOf('postgres')}   embedded (PULSE_DATABASE_URL for your own)`
        : `${database?.host ?? ''} (PULSE_DATABASE_URL)`,
    ],
    [
      'bus',
      embedded.bus
        ? `${host}:${portOf('bus')}   embedded, for one machine (PULSE_KAFKA_BROKERS for Kafka or Redpanda)`
        : `${settings.kafkaBrokers.join(', ')} (PULSE_KAFKA_BROKERS)`,
    ],
    ['lake', embedded.lake ? `${settings.warehouse}   a folder (PULSE_WAREHOUSE for S3)` : settings.warehouse],
    ['logs', `${settings.dataDir}/logs/`],
    [
      'auth',
      settings.auth === 'open'
        ? 'open: whoever reaches the API acts as any tenant (PULSE_AUTH=keys asks for keys)'
        : `keys: the operator's is in ${keysFolder(settings)}/operator`,
    ],
  ]
  const asOperator =
    settings.auth === 'open' ? '' : ` -H "authorization: Bearer $(cat ${keysFolder(settings)}/operator)"`
  const body = JSON.stringify({
    slug: `first-${Math.floor(now.getTime() / 1000).toString(36)}`,
    name: 'My first tenant',
  })
  return `
Pulse is ready (${(tookMs / 1000).toFixed(1)} s).

${rows.map(([name, text]) => `  ${name.padEnd(10)}${text}`).join('\n')}

Make a tenant; docs/start.md leads on from there, to rows of your own events:

  curl -X POST ${api}/v1/tenants${asOperator} -H 'content-type: application/json' -d '${body}'

Or send 1,707 earthquakes the whole way, from a second terminal:

  npm run demo

Ctrl-C drains and stops everything; the next start finds all data again.
`
}

/** One line for the terminal about a child's log line, if it tells of an error; the rest is in the log file. */
export function errorLine(name: string, line: string): string | undefined {
  if (!line.startsWith('{'))
    return /(Error|FATAL|PANIC)\b/.test(line) ? `${name}: ${line.trim().slice(0, 300)}` : undefined
  try {
    const said = JSON.parse(line) as { level?: unknown; msg?: string; event?: string; detail?: string }
    if (!ERRORS.has(said.level)) return undefined
    const what = said.msg ?? said.event ?? ''
    const detail = said.detail === undefined || what.includes(said.detail) ? '' : `: ${said.detail}`
    return `${name}: ${what}${detail}`.slice(0, 300)
  } catch {
    return undefined
  }
}

/** pino's levels, as text and as numbers. */
const ERRORS: ReadonlySet<unknown> = new Set(['error', 'fatal', 50, 60])
