import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { warehouse } from './kinds.ts'
import { nearest } from './nearest.ts'
import { SETTINGS, keyOf, type Setting, type SettingName, type Settings } from './settings.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** The settings cannot be used: one sentence per fault, all of them at once. */
export class SettingsRefused extends Error {
  override readonly name = 'SettingsRefused'
  readonly faults: readonly string[]
  constructor(faults: readonly string[]) {
    super(faults.join('\n'))
    this.faults = faults
  }
}

export interface Loaded {
  readonly settings: Settings
  /** Sentences about variables that mean nothing here. */
  readonly warnings: readonly string[]
  /** The names that the environment set. */
  readonly given: ReadonlySet<SettingName>
}

const names = Object.keys(SETTINGS) as SettingName[]

/** Reads the `PULSE_*` variables into one frozen value. Throws `SettingsRefused`. */
export const loadSettings = (env: Environment = process.env): Settings => readSettings(env).settings

/** The same, with what was given and what was not understood. An empty variable counts as not set. */
export function readSettings(env: Environment = process.env): Loaded {
  const faults: string[] = []
  const given = new Set<SettingName>()
  const values: Record<string, unknown> = {}
  for (const name of names) {
    const setting: Setting<unknown> = SETTINGS[name]
    try {
      const said = textOf(name, setting, env)
      if (said !== undefined) given.add(name)
      const text = said ?? setting.fallback
      values[keyOf(name)] = text === undefined ? undefined : setting.kind.read(text)
    } catch (error) {
      faults.push(`${name} ${(error as Error).message}.`)
    }
  }
  if (faults.length > 0) throw new SettingsRefused(faults)
  values['kafkaBrokers'] ??= Object.freeze([])
  values['warehouse'] ??= warehouse.read(join(values['dataDir'] as string, 'warehouse'))
  const settings = Object.freeze(values) as unknown as Settings
  faults.push(...together(settings))
  if (faults.length > 0) throw new SettingsRefused(faults)
  return { settings, warnings: unknownVariables(env), given }
}

function textOf(name: SettingName, setting: Setting<unknown>, env: Environment): string | undefined {
  const direct = env[name] === '' ? undefined : env[name]
  if (!setting.secret) return direct
  const path = env[`${name}_FILE`]
  if (path === undefined || path === '') return direct
  if (direct !== undefined) throw new Error(`and ${name}_FILE are both set: keep one`)
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    throw new Error(`cannot be read from ${path} (${name}_FILE): ${(error as Error).message}`, { cause: error })
  }
}

/** Values that are fine alone and wrong together. */
function together(settings: Settings): string[] {
  const faults: string[] = []
  if (settings.flushMaxRows < settings.flushRows)
    faults.push('PULSE_FLUSH_MAX_ROWS must not be below PULSE_FLUSH_ROWS.')
  if (settings.collectMaxEventBytes > settings.collectMaxBodyBytes)
    faults.push('PULSE_COLLECT_MAX_EVENT_BYTES must not be above PULSE_COLLECT_MAX_BODY_BYTES.')
  if ((settings.topicMinInsync ?? 1) > (settings.topicReplication ?? Infinity))
    faults.push('PULSE_TOPIC_MIN_INSYNC must not be above PULSE_TOPIC_REPLICATION.')
  const sasl = [settings.kafkaSaslMechanism, settings.kafkaSaslUsername, settings.kafkaSaslPassword].filter(
    (part) => part !== undefined,
  )
  if (sasl.length !== 0 && sasl.length !== 3)
    faults.push('PULSE_KAFKA_SASL_MECHANISM, _USERNAME and _PASSWORD must be set together.')
  if ((settings.s3AccessKey === undefined) !== (settings.s3SecretKey === undefined))
    faults.push('PULSE_S3_ACCESS_KEY and PULSE_S3_SECRET_KEY must be set together.')
  return faults
}

function unknownVariables(env: Environment): string[] {
  const known = names.flatMap((name) => (SETTINGS[name].secret ? [name, `${name}_FILE`] : [name]))
  return Object.keys(env)
    .filter((name) => name.startsWith('PULSE_') && !known.includes(name))
    .map((name) => `${name} is not a setting of Pulse and is ignored; did you mean ${nearest(name, known)}?`)
}

/** The environment for a child process: this one's with `more` on top; `undefined` takes a variable out. */
export function environmentWith(more: Environment): Record<string, string> {
  return Object.fromEntries(
    Object.entries({ ...process.env, ...more }).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
}
