import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parse } from 'yaml'

/** The files of deploy/, as whoever runs them would read them. */
const DEPLOY = resolve(import.meta.dirname, '../../deploy')

export const textOf = (path: string): Promise<string> => readFile(join(DEPLOY, path), 'utf8')
export const yamlOf = async <T>(path: string): Promise<T> =>
  parse(await textOf(path), { merge: true, strict: true, uniqueKeys: true }) as T
/** Every file below a folder of deploy/, as a path from there. */
export async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(join(DEPLOY, folder), { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(DEPLOY.length + 1))
    .sort()
}
export const inDeploy = (path: string): string => join(DEPLOY, path)

interface Service {
  readonly image: string
  readonly command?: readonly string[]
  readonly entrypoint?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly labels?: Readonly<Record<string, string>>
  readonly restart?: string
  readonly stop_grace_period?: string
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly build?: {
    readonly context: string
    readonly dockerfile: string
    readonly args: Readonly<Record<string, string>>
  }
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly healthcheck?: {
    readonly test: readonly string[]
    readonly interval: string
    readonly timeout: string
    readonly retries: number
    readonly start_period: string
  }
}
interface Compose {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes: Readonly<Record<string, unknown>>
}

export const composeOf = (): Promise<Compose> => yamlOf<Compose>('compose.yaml')

/** deploy/.env: `NAME=value` lines. */
export async function environmentFile(): Promise<Map<string, string>> {
  const lines = (await textOf('.env')).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
}

/** What compose makes of `${NAME}`, `${NAME:-default}` and `${NAME:?message}`. */
export function interpolate(text: string, environment: ReadonlyMap<string, string>): string {
  return text.replace(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_, name: string, how?: string, rest?: string) => {
    const value = environment.get(name)
    if (value !== undefined && value !== '') return value
    if (how === '-') return rest ?? ''
    throw new Error(`${name} is not set: ${rest ?? ''}`)
  })
}

/** Where each service listens, as its own configuration says or its image is known to. */
export const LISTENS: Readonly<Record<string, readonly number[]>> = {
  postgres: [5432],
  kafka: [9092],
  s3: [7070],
  api: [8000],
  worker: [9100, 9101],
  canary: [9102],
  prometheus: [9090],
  alertmanager: [9093],
  loki: [3100],
  tempo: [3200, 4317, 4318],
  alloy: [12345],
  grafana: [3000],
}

/** `host:port` pairs in a text that name one of the stack's services. */
export function addressesIn(text: string): { readonly host: string; readonly port: number }[] {
  const hosts = Object.keys(LISTENS).join('|')
  const found = text.matchAll(
    new RegExp(`(?<![\\w./-])(?:https?://|postgres://[^\\s@]*@)?(${hosts}):(\\d{2,5})\\b`, 'g'),
  )
  return [...found].map(([, host = '', port]) => ({ host, port: Number(port) }))
}
