import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { ownFolder } from '../kit/folder.ts'
import { bootPulse } from '../kit/system.ts'
import { until } from '../kit/until.ts'

const ROOT = join(import.meta.dirname, '../..')

/** What docs/start.md tells a newcomer to type, typed; only the port and the folder are another's. */
test('a newcomer’s own events are rows, by what the page says and nothing else', { timeout: 180_000 }, async (t) => {
  const page = await readFile(join(ROOT, 'docs/start.md'), 'utf8')
  const blocks = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = '']) => block)
  assert.equal(blocks.length, 5)
  await using system = await bootPulse({ PULSE_FLUSH_SECONDS: '0.5' })
  const folder = await ownFolder(t)
  const env = { ...process.env, ...system.env }
  let said = 'set -eu\n'
  /** Each block is typed into the shell that has seen those before it, of which only what it remembers is repeated. */
  const type = async (block: string): Promise<string> => {
    const script = join(folder, 'typed.sh')
    const text = block
      .replaceAll('localhost:8000', `127.0.0.1:${system.apiPort}`)
      .replace('npm run', `npm run --prefix "${ROOT}"`)
      .replace(/(?<= )(visits?\.(?:nd)?json)/g, `${folder}/$1`)
    await writeFile(script, said + text)
    said += text.match(/^(?:pulse\(\)|export |TENANT=).*$/gm)?.join('\n') ?? ''
    said += '\n'
    return new Promise((resolve, reject) => {
      execFile('bash', [script], { env, cwd: folder, timeout: 60_000 }, (error, out, err) =>
        error === null ? resolve(out) : reject(new Error(`${block}\n${err}`, { cause: error })),
      )
    })
  }
  const [samples = '', schema = '', sending = '', curl = '', rows = ''] = blocks
  await type(samples)
  assert.match(await type(schema), /^status +published$[\s\S]*^\d+ +visitor\.country +string +yes/m)
  assert.equal(await type(sending), '3 accepted, 0 rejected\n')
  assert.match(await type(curl), /"accepted":1,"rejected":0,"failed":0/)
  const shown = await until(
    'four rows, and the receipt',
    async () => {
      const said = await type(rows)
      return / of 4 rows,/.test(said) && /^It is a row since /m.test(said) && said
    },
    60_000,
  )
  assert.match(String(shown), /03:07:00\.000000Z +\/docs +8 +\{"id":"v3","country":"BR"\}/)
})
