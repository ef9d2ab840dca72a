import assert from 'node:assert/strict'
import { test } from 'node:test'
import manifest from '../../package.json' with { type: 'json' }
import { SETTINGS } from '../../src/config/settings.ts'
import { spawned } from '../kit/commands.ts'

test('what pulse can do stands on one screen, and the settings where it is started', async () => {
  const { code, out } = await spawned({}, ['--help'])
  assert.equal(code, 0)
  assert.match(out, /\n {2}schema +what events look like\n/)
  assert.ok(out.split('\n').length < 60, `${out.split('\n').length} lines`)
  assert.match(out, /pulse start --help lists them all\.\n$/)
  const start = await spawned({}, ['start', '--help'])
  for (const name of Object.keys(SETTINGS)) assert.ok(start.out.includes(`  ${name} `), name)
})

test('its version is that of the package', async () => {
  assert.equal((await spawned({}, ['--version'])).out, `${manifest.version}\n`)
})
