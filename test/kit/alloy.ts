/**
 * Grafana Alloy's configuration syntax, as much of it as our files use: blocks, attributes, strings, numbers,
 * booleans, lists, objects, references, calls and `+`. Anything else is an error with its line, so that nothing is
 * taken for checked that was not read.
 */
export interface AlloyBlock {
  /** `loki.process`, `stage.json`, … */
  readonly name: string
  readonly label: string | undefined
  readonly attributes: ReadonlyMap<string, AlloyValue>
  readonly blocks: readonly AlloyBlock[]
  readonly line: number
}
export type AlloyValue =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'number' | 'boolean'; readonly text: string }
  | { readonly kind: 'list'; readonly items: readonly AlloyValue[] }
  | { readonly kind: 'object'; readonly members: ReadonlyMap<string, AlloyValue> }
  | { readonly kind: 'reference'; readonly path: string }
  | { readonly kind: 'call'; readonly path: string; readonly given: readonly AlloyValue[] }
  | { readonly kind: 'sum'; readonly parts: readonly AlloyValue[] }

interface Token {
  readonly kind: 'word' | 'text' | 'number' | 'sign' | 'line'
  readonly text: string
  readonly line: number
}

const TOKEN = /(\/\/[^\n]*)|([ \t\r]+)|(\n)|("(?:[^"\\\n]|\\.)*")|([A-Za-z_]\w*)|(\d+(?:\.\d+)?)|([{}[\](),.=+])/y

function tokensOf(source: string): Token[] {
  const tokens: Token[] = []
  let line = 1
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < source.length) {
    const at = TOKEN.lastIndex
    const found = TOKEN.exec(source)
    if (found === null) throw new Error(`line ${line}: cannot read ${JSON.stringify(source.slice(at, at + 20))}`)
    const [, , , newline, text, word, number, sign] = found
    if (newline !== undefined) tokens.push({ kind: 'line', text: '\n', line: line++ })
    else if (text !== undefined) tokens.push({ kind: 'text', text: JSON.parse(text) as string, line })
    else if (word !== undefined) tokens.push({ kind: 'word', text: word, line })
    else if (number !== undefined) tokens.push({ kind: 'number', text: number, line })
    else if (sign !== undefined) tokens.push({ kind: 'sign', text: sign, line })
  }
  return tokens
}

/** Reads a whole file. Throws with the line where it cannot. */
export function parseAlloy(source: string): readonly AlloyBlock[] {
  const tokens = tokensOf(source)
  let at = 0
  const peek = (): Token | undefined => tokens[at]
  const fail = (what: string): never => {
    const token = peek()
    throw new Error(
      `line ${token?.line ?? 'last'}: expected ${what}, found ${JSON.stringify(token?.text ?? 'the end')}`,
    )
  }
  const skipLines = (): void => {
    while (peek()?.kind === 'line') at += 1
  }
  const isSign = (text: string): boolean => peek()?.kind === 'sign' && peek()?.text === text
  const take = (kind: Token['kind'], text?: string): Token => {
    const token = peek()
    if (token === undefined || token.kind !== kind || (text !== undefined && token.text !== text))
      return fail(text ?? kind)
    at += 1
    return token
  }
  const path = (): string => {
    let text = take('word').text
    while (isSign('.')) {
      at += 1
      text += `.${take('word').text}`
    }
    return text
  }

  function listed<T>(close: string, one: () => T): T[] {
    const items: T[] = []
    skipLines()
    while (!isSign(close)) {
      items.push(one())
      skipLines()
      if (isSign(',')) at += 1
      else if (!isSign(close)) fail(`, or ${close}`)
      skipLines()
    }
    at += 1
    return items
  }
  function operand(): AlloyValue {
    const token = peek()
    if (token?.kind === 'text' || token?.kind === 'number') {
      at += 1
      return token.kind === 'text' ? { kind: 'text', text: token.text } : { kind: 'number', text: token.text }
    }
    if (isSign('[')) {
      at += 1
      return { kind: 'list', items: listed(']', value) }
    }
    if (isSign('{')) {
      at += 1
      const members = listed('}', (): [string, AlloyValue] => {
        const name = peek()?.kind === 'text' ? take('text').text : take('word').text
        take('sign', '=')
        return [name, value()]
      })
      return { kind: 'object', members: new Map(members) }
    }
    const name = path()
    if (name === 'true' || name === 'false') return { kind: 'boolean', text: name }
    if (!isSign('(')) return { kind: 'reference', path: name }
    at += 1
    return { kind: 'call', path: name, given: listed(')', value) }
  }
  function value(): AlloyValue {
    const parts = [operand()]
    while (isSign('+')) {
      at += 1
      parts.push(operand())
    }
    return parts.length === 1 ? (parts[0] as AlloyValue) : { kind: 'sum', parts }
  }
  function body(isWhole: boolean): { attributes: Map<string, AlloyValue>; blocks: AlloyBlock[] } {
    const attributes = new Map<string, AlloyValue>()
    const blocks: AlloyBlock[] = []
    for (skipLines(); peek() !== undefined && !isSign('}'); skipLines()) {
      const { line } = peek() as Token
      const name = path()
      if (isSign('=')) {
        at += 1
        if (attributes.has(name)) throw new Error(`line ${line}: ${name} is given twice`)
        attributes.set(name, value())
      } else {
        const label = peek()?.kind === 'text' ? take('text').text : undefined
        take('sign', '{')
        blocks.push({ name, label, line, ...body(false) })
        take('sign', '}')
      }
      if (peek() !== undefined && !isSign('}')) take('line')
    }
    if (isWhole && peek() !== undefined) fail('a block')
    return { attributes, blocks }
  }
  return body(true).blocks
}

/** Everything that a file's values refer to: `loki.process.pulse.receiver`. */
export function referencesOf(blocks: readonly AlloyBlock[]): string[] {
  const inValue = (value: AlloyValue): string[] => {
    if (value.kind === 'reference') return [value.path]
    if (value.kind === 'list') return value.items.flatMap(inValue)
    if (value.kind === 'object') return [...value.members.values()].flatMap(inValue)
    if (value.kind === 'call') return value.given.flatMap(inValue)
    return value.kind === 'sum' ? value.parts.flatMap(inValue) : []
  }
  return blocks.flatMap((block) => [...[...block.attributes.values()].flatMap(inValue), ...referencesOf(block.blocks)])
}

/** Variables that a file reads: `sys.env("LOKI_URL")`. */
export const environmentOf = (source: string): string[] =>
  [...source.matchAll(/sys\.env\("(\w+)"\)/g)].map(([, name = '']) => name)
