import type { settingsBeside as SettingsBeside } from './alone.ts'
import type { runDemo as RunDemo } from './demo.ts'
import type { migrateCommand as MigrateCommand } from './migrate.ts'
import type { readLiveRunFile as ReadLiveRunFile, readRunFile as ReadRunFile } from './run-file.ts'
import type { start as Start } from './start.ts'

export { serveBus } from './bus.ts'
export { StartRefused, sentenceOf } from './refused.ts'
export { serveRole, type Role, type Running } from './role.ts'
export type { RunFile, RunningProcess } from './run-file.ts'

/*
 * What follows is loaded when it is called, because every process comes through this door: a bus or a canary
 * has no use for a Postgres driver (6 MiB), and the supervisor none for DuckDB.
 */

export const start: typeof Start = async (...given) => (await import('./start.ts')).start(...given)
export const migrateCommand: typeof MigrateCommand = async (...given) =>
  (await import('./migrate.ts')).migrateCommand(...given)
export const settingsBeside: typeof SettingsBeside = async (...given) =>
  (await import('./alone.ts')).settingsBeside(...given)
export const readRunFile: typeof ReadRunFile = async (...given) => (await import('./run-file.ts')).readRunFile(...given)
export const readLiveRunFile: typeof ReadLiveRunFile = async (...given) =>
  (await import('./run-file.ts')).readLiveRunFile(...given)
export const runDemo: typeof RunDemo = async (...given) => (await import('./demo.ts')).runDemo(...given)
