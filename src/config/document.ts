import { GROUPS, SETTINGS, type Setting, type SettingName } from './settings.ts'

const names = Object.keys(SETTINGS) as SettingName[]
const defaultOf = (setting: Setting<unknown>): string => setting.fallback ?? 'not set'

/** docs/reference/settings.md, whole. A test holds the file to it. */
export function settingsDocument(): string {
  const parts = GROUPS.map((group) => {
    const rows = names
      .filter((name) => SETTINGS[name].group === group)
      .map((name) => {
        const setting: Setting<unknown> = SETTINGS[name]
        const fallback = setting.fallback === undefined ? 'not set' : `\`${setting.fallback}\``
        const embedded =
          setting.embedded === undefined ? '' : ` (\`pulse start\` with the embedded bus: \`${setting.embedded}\`)`
        return `| \`${name}\` | ${setting.kind.says}${setting.secret ? '; secret' : ''} | ${fallback}${embedded} | ${setting.doc} |`
      })
    return `## ${group}\n\n| name | value | default | meaning |\n|---|---|---|---|\n${rows.join('\n')}\n`
  })
  return `<!-- Generated from source by \`npm run check -- --write\`. Edit the source, not this page. -->
# Settings

All settings are environment variables. They are checked when a process starts: everything that is wrong is said at once, and
an unknown \`PULSE_\` variable is a warning that names the nearest one. A secret may also come from a file: the same name with
\`_FILE\` at the end. An empty variable counts as not set.

${parts.join('\n')}`
}

/** The same for a terminal: `pulse start --help`. */
export function settingsHelp(): string {
  const lines = GROUPS.flatMap((group) => [
    '',
    `${group}:`,
    ...names
      .filter((name) => SETTINGS[name].group === group)
      .map((name) => {
        const setting: Setting<unknown> = SETTINGS[name]
        return `  ${name.padEnd(34)} ${setting.doc.replaceAll('`', '')} [${defaultOf(setting)}${setting.embedded === undefined ? '' : `; embedded ${setting.embedded}`}]`
      }),
  ])
  return `Settings (environment variables; a secret also as NAME_FILE):\n${lines.join('\n')}\n`
}
