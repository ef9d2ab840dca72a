import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from './kafka.ts'

/** Files of a certificate authority of the test's own and of a server that it vouches for, all PEM. */
export interface Certificates {
  readonly folder: string
  readonly caFile: string
  readonly certFile: string
  readonly keyFile: string
  /** Certificate and key in one file, as Kafka's PEM key store wants them. */
  readonly storeFile: string
}

/** A new authority and a server certificate for localhost and 127.0.0.1, valid for two days; gone with the test. */
export async function withCertificates(owner: { after(act: () => Promise<void>): void }): Promise<Certificates> {
  const folder = await mkdtemp(join(tmpdir(), 'pulse-certificates-'))
  owner.after(() => rm(folder, { recursive: true, force: true }))
  const at = (name: string): string => join(folder, name)
  await openssl(
    'req',
    '-x509',
    ...NEW_KEY,
    '-days',
    '2',
    '-subj',
    '/CN=Pulse test authority',
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.pem'),
  )
  await openssl('req', ...NEW_KEY, '-subj', '/CN=localhost', '-keyout', at('server.key'), '-out', at('server.csr'))
  await writeFile(at('names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
  const signed = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-extfile', at('names')]
  await openssl('x509', '-req', '-days', '2', ...signed, '-in', at('server.csr'), '-out', at('server.pem'))
  await writeFile(
    at('store.pem'),
    (await readFile(at('server.pem'), 'utf8')) + (await readFile(at('server.key'), 'utf8')),
  )
  return {
    folder,
    caFile: at('ca.pem'),
    certFile: at('server.pem'),
    keyFile: at('server.key'),
    storeFile: at('store.pem'),
  }
}

const NEW_KEY = ['-newkey', 'rsa:2048', '-nodes'] as const

async function openssl(...args: readonly string[]): Promise<void> {
  const { code, stderr } = await run('openssl', args)
  if (code !== 0) throw new Error(`openssl ${args[0]} ended with ${code}:\n${stderr}`)
}
