import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../src/store/index.ts'
import type { Owner } from './postgres.ts'
import { startProgram } from './program.ts'
import { until } from './until.ts'

/**
 * Debian's nginx in front of several API processes, as a process of the test's own on a free port. What stands between `upstream`
 * and the end of the server is the configuration of docs/operate/many.md, read from that page: what is documented is what runs.
 */
interface Nginx {
  readonly url: string
  /** What it answered so far: status, and what each upstream that it asked had said. */
  answered(): Promise<readonly { readonly status: number; readonly upstream: string; readonly line: string }[]>
}

const PAGE = join(import.meta.dirname, '../../docs/operate/many.md')

export async function startNginx(owner: Owner, ports: readonly number[]): Promise<Nginx> {
  const folder = await mkdtemp(join(tmpdir(), 'pulse-nginx-'))
  await chmod(folder, 0o755) // started as root, its workers are somebody else
  owner.after(() => rm(folder, { recursive: true, force: true }))
  const port = await freePort()
  const [, documented] = /```nginx\n([^]*?)```/.exec(await readFile(PAGE, 'utf8')) ?? []
  if (documented === undefined) throw new Error(`${PAGE} has no block of nginx's configuration`)
  const servers = ports.map((to) => `server 127.0.0.1:${to} $1;`).join('\n    ')
  const site = documented
    .replace(/server api-\d+:8000 ([^;]*);(?:\s*server api-\d+:8000 [^;]*;)*/, servers)
    .replace(/listen 80;/, `listen 127.0.0.1:${port};`)
  if (!site.includes(`127.0.0.1:${ports[0]}`) || !site.includes(`127.0.0.1:${port}`))
    throw new Error(`The configuration of ${PAGE} has not the lines that a test gives its own ports`)
  const log = join(folder, 'access.log')
  await writeFile(log, '')
  const file = join(folder, 'nginx.conf')
  const bodies = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${join(folder, name)};`,
  )
  await writeFile(
    file,
    `daemon off;
pid ${join(folder, 'nginx.pid')};
error_log ${join(folder, 'error.log')} warn;
worker_processes 2;
events { worker_connections 1024; }
http {
  ${bodies.join('\n  ')}
  log_format tried '$status "$upstream_status" $request_time $upstream_addr $request';
  access_log ${log} tried;
${site}
}
`,
  )
  const program = await startProgram('nginx', ['-p', folder, '-e', join(folder, 'error.log'), '-c', file])
  owner.after(() => program.end(5_000).then(() => undefined))
  const url = `http://127.0.0.1:${port}`
  await until('nginx to answer', async () => {
    if (!program.isRunning) throw new Error(`nginx ended: ${program.said()}`)
    return (await fetch(`${url}/health`, { signal: AbortSignal.timeout(1_000) })).status > 0
  })
  return {
    url,
    async answered() {
      const lines = (await readFile(log, 'utf8')).split('\n').filter((line) => line !== '')
      return lines.map((line) => {
        const [, status, upstream = ''] = /^(\d+) "([^"]*)"/.exec(line) ?? []
        return { status: Number(status), upstream, line }
      })
    },
  }
}
