/**
 * Whether a scraper's `Accept` header prefers OpenMetrics 1.0 to the text format 0.0.4 (RFC 9110
 * section 12.5.1: the most specific range that matches gives a type its quality). Text wins a tie,
 * an absent header and anything unreadable, because every scraper reads it.
 */
export function wantsOpenMetrics(accept: string | undefined): boolean {
  if (accept === undefined || accept.length > 4096) return false
  const ranges = accept.split(',').map(readRange)
  const open = qualityOf(ranges.filter(understood), 'application', 'openmetrics-text')
  return open > 0 && open > qualityOf(ranges, 'text', 'plain')
}

interface Range {
  readonly type: string
  readonly subtype: string
  readonly version: string | undefined
  readonly quality: number
}

/** Prometheus 2.42 asks for 1.0.0 first and 0.0.1 second; we write 1.0.0, so a range that names another is not ours. */
const understood = (range: Range): boolean =>
  range.subtype !== 'openmetrics-text' || range.version === undefined || range.version === '1.0.0'

function readRange(text: string): Range {
  const [media = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase())
  const [type = '', subtype = ''] = media.split('/')
  let quality = 1
  let version: string | undefined
  for (const parameter of parameters) {
    const [name, value = ''] = parameter.split('=', 2).map((part) => part.trim().replaceAll('"', ''))
    if (name === 'version') version = value
    if (name === 'q') quality = /^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(value) ? Number(value) : 0
  }
  return { type, subtype, version, quality }
}

function qualityOf(ranges: readonly Range[], type: string, subtype: string): number {
  let specificity = -1
  let quality = 0
  for (const range of ranges) {
    const rank = rankOf(range, type, subtype)
    if (rank < 0 || rank < specificity) continue
    quality = rank === specificity ? Math.max(quality, range.quality) : range.quality
    specificity = rank
  }
  return quality
}

/** How exactly a range names the type: 2 by name, 1 by its first half, 0 as anything, -1 not at all. */
function rankOf(range: Range, type: string, subtype: string): number {
  if (range.type === '*' && range.subtype === '*') return 0
  if (range.type !== type) return -1
  if (range.subtype === '*') return 1
  return range.subtype === subtype ? 2 : -1
}
