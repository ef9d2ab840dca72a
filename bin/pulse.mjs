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

if (isOldEnough(process.versions.node)) {
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
    const other = spawn(node, [fileURLToPath(import.meta.url)].concat(process.argv.slice(2)), {
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
