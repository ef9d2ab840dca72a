#!/usr/bin/env node
// Written for Node 12 and newer, so that an old Node says one sentence instead of a syntax error.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const LEAST = [24, 11, 1]
const root = dirname(dirname(fileURLToPath(import.meta.url)))

function isOldEnough(version) {
  const parts = version.split('.').map(Number)
  for (let i = 0; i < LEAST.length; i++) {
    if (parts[i] !== LEAST[i]) return parts[i] > LEAST[i]
  }
  return true
}

/** The Node that package.json pins for this platform, where npm has installed it. */
function pinnedNode() {
  const path = join(root, 'node_modules', 'node-' + process.platform + '-' + process.arch, 'bin', 'node')
  return existsSync(path) ? path : undefined
}

/**
 * What a role's process is started with: the sizes of the young generation that `pulse start` gives its own
 * (src/start/child.ts says why; a test compares). Whoever names one himself is left alone.
 */
const FLAGS = new Map([
  ['api', ['--max-semi-space-size=32']],
  ['canary', ['--max-semi-space-size=1']],
])
const asked = [process.env.NODE_OPTIONS || ''].concat(process.execArgv).join(' ')
const flags = (!/semi.space/.test(asked) && FLAGS.get(process.argv[2])) || []
const itself = [fileURLToPath(import.meta.url)].concat(process.argv.slice(2))

if (isOldEnough(process.versions.node)) {
  // The same process with its flags, not one beside it; not where somebody holds a channel to it, which would be lost.
  if (flags.length > 0 && process.execve && process.channel === undefined) {
    process.execve(process.execPath, [process.execPath].concat(process.execArgv, flags, itself), process.env)
  }
  if (existsSync(join(root, 'node_modules', 'commander'))) {
    import('node:module')
      .then(function (nodes) {
        nodes.enableCompileCache() // before the first file whose types are to be taken out
        return import('../src/main.ts')
      })
      .then(
        function (pulse) {
          return pulse.main(process.argv)
        },
        function (error) {
          process.stderr.write((error && error.stack ? error.stack : String(error)) + '\n')
          process.exitCode = 1
        },
      )
  } else {
    process.stderr.write('Pulse is not installed yet: run "npm install" in ' + root + ' first.\n')
    process.exitCode = 1
  }
} else {
  const node = pinnedNode()
  if (node === undefined) {
    process.stderr.write(
      'Pulse needs Node ' +
        LEAST.join('.') +
        ' or newer, and this is ' +
        process.versions.node +
        ': install a newer Node, or run "npm install" in ' +
        root +
        ', which brings one on Linux.\n',
    )
    process.exitCode = 1
  } else {
    // The channel's only use: the other one stops when this one is gone.
    const other = spawn(node, flags.concat(itself), {
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    })
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
      process.on(signal, function () {
        other.kill(signal)
      })
    }
    other.on('exit', function (code) {
      process.exit(code === null ? 1 : code)
    })
  }
}
