import { isAbsolute, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

/** How a setting's text is read. `read` throws an Error whose message ends the sentence "PULSE_X …". */
export interface Kind<T> {
  /** For the docs table. */
  readonly says: string
  read(text: string): T
}

const number = (says: string, min: number, max: number, isFit: (value: number) => boolean): Kind<number> => ({
  says: `${says}, ${min} to ${max}`,
  read(text) {
    const value = Number(text)
    if (text.trim() === '' || !isFit(value) || value < min || value > max)
      throw new Error(`must be ${says} from ${min} to ${max}, not "${text}"`)
    return value
  },
})
export const whole = (min: number, max: number = Number.MAX_SAFE_INTEGER): Kind<number> =>
  number('a whole number', min, max, Number.isSafeInteger)
export const decimal = (min: number, max: number): Kind<number> => number('a number', min, max, Number.isFinite)
export const port: Kind<number> = { ...whole(0, 65_535), says: 'a port; 0 = any free one' }

export const text: Kind<string> = { says: 'text', read: (given) => given }

export const oneOf = <const C extends string>(...choices: readonly C[]): Kind<C> => ({
  says: choices.map((choice) => `\`${choice}\``).join(' or '),
  read(given) {
    const found = choices.find((choice) => choice === given)
    if (found === undefined)
      throw new Error(`must be ${choices.map((choice) => `"${choice}"`).join(' or ')}, not "${given}"`)
    return found
  },
})

export const flag: Kind<boolean> = {
  says: '`true` or `false`',
  read(given) {
    if (given === 'true' || given === '1') return true
    if (given === 'false' || given === '0') return false
    throw new Error(`must be "true" or "false", not "${given}"`)
  },
}

/** Absolute, from where the process was started. */
export const folder: Kind<string> = { says: 'a folder', read: (given) => resolve(given) }
export const file: Kind<string> = { says: 'a file', read: (given) => resolve(given) }

export const postgresUrl: Kind<string> = {
  says: '`postgres://role:password@host:port/database`',
  read(given) {
    const url = URL.parse(given)
    // What was given is not repeated: it may hold a password.
    if (url === null || !/^postgres(ql)?:$/.test(url.protocol) || url.username === '') {
      throw new Error('must be a URL like postgres://role:password@host:5432/database')
    }
    return given
  },
}

export const webUrl: Kind<string> = {
  says: 'a URL, `http://…` or `https://…`',
  read(given) {
    const url = URL.parse(given)
    if (url === null || !/^https?:$/.test(url.protocol))
      throw new Error(`must be a URL that begins with http:// or https://, not "${given}"`)
    return given.replace(/\/+$/, '')
  },
}

/** `host:port`, one or more, separated by commas. */
export const brokers: Kind<readonly string[]> = {
  says: '`host:port`, separated by commas',
  read(given) {
    const list = given
      .split(',')
      .map((broker) => broker.trim())
      .filter((broker) => broker !== '')
    const odd = list.find((broker) => !/^(\[[0-9a-fA-F:]+\]|[^\s:/]+):\d{1,5}$/.test(broker))
    if (odd !== undefined || list.length === 0)
      throw new Error(`must be host:port, separated by commas; "${odd ?? given}" is not`)
    return Object.freeze(list)
  },
}

/** A whole URI without a slash at its end: `file:///abs/path` or `s3://bucket/prefix`. */
export const warehouse: Kind<string> = {
  says: '`s3://bucket/prefix` or a folder',
  read(given) {
    if (/^s3:\/\/[a-z0-9][a-z0-9.-]+(\/|$)/.test(given)) return given.replace(/\/+$/, '')
    if (/^[a-z0-9+]+:\/\//i.test(given) && !given.startsWith('file:///'))
      throw new Error(`must be s3://bucket/prefix or a folder, not "${given}"`)
    if (given.startsWith('file:///')) return given.replace(/\/+$/, '')
    return pathToFileURL(isAbsolute(given) ? given : resolve(given)).href.replace(/\/+$/, '')
  },
}

/** Where an OTLP receiver listens: `http://host:4317`, `https://…`, or `host:port`, which is taken as plain http. */
export const otlpEndpoint: Kind<string> = {
  says: '`http://host:4317`, `https://…` or `host:port`',
  read(given) {
    const url = /^[^\s:/]+:\d{1,5}$/.test(given) ? `http://${given}` : given
    return webUrl.read(url)
  },
}

/** Slugs of tenants, separated by commas; none where the text is empty. */
export const slugs: Kind<readonly string[]> = {
  says: 'slugs of tenants, separated by commas',
  read(given) {
    const list = given
      .split(',')
      .map((slug) => slug.trim())
      .filter((slug) => slug !== '')
    const odd = list.find((slug) => !/^[a-z][a-z0-9_-]{0,62}$/.test(slug))
    if (odd !== undefined) throw new Error(`must be slugs of tenants, separated by commas; "${odd}" is not one`)
    return Object.freeze(list)
  },
}
