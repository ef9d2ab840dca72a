import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { Mistaken } from './verb.ts'

/** A file's bytes, or standard input's for `-`. Rejects with `Mistaken` where it cannot be read. */
export async function openInput(name: string): Promise<Readable> {
  if (name === '-') return process.stdin
  try {
    const file = await open(name)
    if (!(await file.stat()).isDirectory()) return createReadStream(name, { fd: file })
    await file.close()
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new Mistaken(code === 'ENOENT' ? `There is no file ${name}.` : `${name} cannot be read: ${message}.`)
  }
  throw new Mistaken(`${name} is a folder: name a file, or - for standard input.`)
}

/** All of it, up to `mostBytes`. Rejects with `Mistaken` beyond, which says the `remedy`. */
export async function readWhole(source: Readable, name: string, mostBytes: number, remedy = ''): Promise<Buffer> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of source as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > mostBytes) throw new Mistaken(`${name} is larger than ${mostBytes >> 20} MiB.${remedy}`)
    parts.push(part)
  }
  const all = Buffer.concat(parts as Uint8Array[])
  return all.subarray(0, 3).equals(BOM) ? all.subarray(3) : all
}

/** What some editors put before a text. */
export const BOM: Uint8Array = Buffer.from([0xef, 0xbb, 0xbf])

/** JSON in a file, with its text as it was written. Rejects with `Mistaken`. */
export async function readJson(
  source: Readable,
  name: string,
  mostBytes = 1 << 20,
): Promise<{ readonly text: string; readonly value: unknown }> {
  const text = (await readWhole(source, name, mostBytes)).toString('utf8')
  try {
    return { text: text.trim(), value: JSON.parse(text) as unknown }
  } catch (error) {
    throw new Mistaken(`${name} is no JSON: ${(error as Error).message}.`)
  }
}
