const RFC3339 =
  /^(\d{4}-\d\d-(\d\d))[Tt ]((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)(?:\.(\d{1,30}))?([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/
const FIRST_MS = Date.parse('0001-01-01T00:00:00Z')
const END_MS = Date.parse('+010000-01-01T00:00:00Z')

/**
 * An instant that somebody asks with (RFC 3339, a real day of the years 1 to 9999, no second 60) in UTC with six digits, as Postgres
 * takes it; further digits are cut. Undefined where the text is none: `Date.parse` reads "1" as a year, 30 February as
 * 2 March, and what has no zone in the server's own.
 */
export function instantOf(text: string): string | undefined {
  const [, date, day, time, fraction = '', zone] = RFC3339.exec(text) ?? []
  if (date === undefined || new Date(`${date}T00:00:00Z`).getUTCDate() !== Number(day)) return undefined
  const ms = Date.parse(`${date}T${time}${zone?.toUpperCase()}`)
  if (!(ms >= FIRST_MS && ms < END_MS)) return undefined
  return `${new Date(ms).toISOString().slice(0, 19)}.${fraction.padEnd(6, '0').slice(0, 6)}Z`
}
