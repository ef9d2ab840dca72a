import { eastAsianWidth } from 'get-east-asian-width'

/** A cell of a table whose rows are a line each is cut here: whole values are in `--json`. */
const WIDEST = 80
/** What stands last on its line, or on a line of its own, is cut here. */
const LONGEST = 500
/** Less room than this makes no column of sentences. */
const LEAST_ROOM = 24
const GAP = '  '

/** Lines of cells that are text already; the first is the headings. `columns` is the width of the terminal, where it is one. */
export function laidOut(lines: readonly (readonly string[])[], columns = Number.POSITIVE_INFINITY): string {
  const [headings = []] = lines
  const last = headings.length - 1
  const cells = lines.map((line) => headings.map((_, at) => cut(line[at] ?? '', at === last ? LONGEST : WIDEST)))
  const widths = headings.map((_, at) => Math.max(...cells.map((line) => widthOf(line[at] as string))))
  const before = widths.slice(0, -1).reduce((sum, width) => sum + width + GAP.length, 0)
  const room = columns - before
  if (room >= (widths[last] ?? 0)) return aligned(cells, widths)
  const areSentences = cells.every((line) => widthOf(line[last] as string) <= room || line[last]?.includes(' '))
  if (room >= LEAST_ROOM && areSentences)
    return aligned(
      cells.flatMap((line) => wrapped(line, room)),
      widths,
    )
  return records(lines.map((line) => line.map((text) => cut(text, LONGEST))))
}

const aligned = (cells: readonly (readonly string[])[], widths: readonly number[]): string =>
  cells.map((line) => `${line.map((text, at) => pad(text, widths[at] ?? 0)).join(GAP)}`.trimEnd() + '\n').join('')

/** A line whose last cell goes on below itself, broken between words. */
function wrapped(line: readonly string[], room: number): string[][] {
  const parts: string[] = []
  for (const word of (line.at(-1) ?? '').split(' ')) {
    const longer = `${parts.at(-1) ?? ''} ${word}`
    if (parts.length > 0 && widthOf(longer) <= room) parts[parts.length - 1] = longer
    else parts.push(word)
  }
  return parts.map((part, at) => [...line.slice(0, -1).map((text) => (at === 0 ? text : '')), part])
}

/** Rows that are wider than the terminal: each below the one before, a member a line. */
function records([headings = [], ...rows]: readonly (readonly string[])[]): string {
  const width = Math.max(...headings.map(widthOf))
  return rows
    .map((row) => row.map((text, at) => `${pad(headings[at] ?? '', width)}${GAP}${text}`.trimEnd() + '\n').join(''))
    .join('\n')
}

const graphemes = new Intl.Segmenter('en')

/** How many columns of a terminal a text takes: two for what is wide (漢字, 🙂), none for marks that stand on what is before them. */
export function widthOf(text: string): number {
  if (/^[\u0020-\u007e]*$/.test(text)) return text.length
  let width = 0
  for (const { segment } of graphemes.segment(text)) width += widthOfOne(segment)
  return width
}
function widthOfOne(grapheme: string): number {
  if (/^[\p{Mn}\p{Me}\p{Cf}]/u.test(grapheme)) return 0
  return /\p{Emoji_Presentation}|\ufe0f/u.test(grapheme) ? 2 : eastAsianWidth(grapheme.codePointAt(0) ?? 0)
}

export const pad = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - widthOf(text)))

function cut(text: string, most: number): string {
  if (widthOf(text) <= most) return text
  let [kept, width] = ['', 0]
  for (const { segment } of graphemes.segment(text.slice(0, 4 * most))) {
    width += widthOfOne(segment)
    if (width >= most) break
    kept += segment
  }
  return `${kept}…`
}
