import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { access, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { pathToFileURL } from 'node:url'
import { cutPower } from '../../chaos/power.ts'
import { ownFolder } from '../kit/folder.ts'

const PRELOAD = pathToFileURL(join(import.meta.dirname, '../../chaos/preload.ts')).href
const WRITER = `
const fs = require('node:fs'), { join } = require('node:path')
const at = (name) => join(process.argv[1], name)
const folder = () => { const fd = fs.openSync(process.argv[1], 'r'); fs.fsyncSync(fd); fs.closeSync(fd) }
const log = fs.openSync(at('log'), 'w')
fs.writeSync(log, 'kept'); fs.fdatasyncSync(log); fs.writeSync(log, ' and lost')
fs.writeFileSync(at('never synced'), 'lost')
folder()
fs.writeFileSync(at('nameless'), 'lost'); const one = fs.openSync(at('nameless'), 'r+'); fs.fsyncSync(one)
`

test('a power cut leaves what was synced, and nothing else', async (t) => {
  const folder = await ownFolder(t)
  const [orders, data] = [join(folder, 'orders'), join(folder, 'data')]
  await mkdir(orders)
  await mkdir(data)
  await promisify(execFile)(process.execPath, [`--import=${PRELOAD}`, '-e', WRITER, data], {
    env: { ...process.env, CHAOS_ORDERS: orders, CHAOS_NAME: 'writer' },
  })
  const text = (name: string): Promise<string> => readFile(join(data, name), 'utf8')
  assert.equal(await text('log'), 'kept and lost')
  assert.equal(await cutPower(orders, [data]), 3)
  assert.equal(await text('log'), 'kept')
  assert.equal(await text('never synced'), '')
  await assert.rejects(access(join(data, 'nameless')))
  assert.equal(await cutPower(orders, [data]), 0, 'what is left is on the disk')
})
