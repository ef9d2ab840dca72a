import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from 'pg'
import type { Own } from '../config/index.ts'
import { uuidv7 } from '../event/index.ts'
import { CANARY_SLUG } from '../tenancy/index.ts'
import { digestOf, keyIdOf, mintKey } from './format.ts'
import { OPERATE, SCOPES, type Scope } from './scopes.ts'

const OWN: readonly { readonly name: Own; readonly scopes: readonly (Scope | typeof OPERATE)[] }[] = [
  { name: 'operator', scopes: [OPERATE] },
  { name: 'canary', scopes: SCOPES },
  { name: 'doctor', scopes: SCOPES },
]

/**
 * Sees to it that each of Pulse's own has a key that holds, in a file below `folder` (made 0700, files 0600). A file whose key
 * holds is left as it is; otherwise a new key is made. As the database's owner, after the migrations. Answers the names made now.
 */
export async function issueOwnKeys(adminUrl: string, folder: string): Promise<Own[]> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const client = new Client({
    connectionString: adminUrl,
    application_name: 'pulse keys',
    connectionTimeoutMillis: 10_000,
  })
  client.on('error', () => {}) // the query under way reports it
  await client.connect()
  try {
    await client.query('BEGIN')
    // Two that start at once make one set.
    await client.query(`SELECT pg_advisory_xact_lock(hashtext('pulse own keys'))`)
    const made: Own[] = []
    for (const { name, scopes } of OWN) {
      if (await holds(client, join(folder, name))) continue
      const id = uuidv7()
      const { text, digest } = mintKey(id)
      await client.query(
        `INSERT INTO public.api_keys (id, tenant_id, name, scopes, secret_hash) VALUES ($1, $2, $3, $4, $5)`,
        [id, name === 'operator' ? null : await canaryTenant(client), `Pulse's own: ${name}`, scopes, digest],
      )
      const draft = join(folder, `.${name}-${process.pid}`)
      await writeFile(draft, `${text}\n`, { mode: 0o600 })
      await rename(draft, join(folder, name))
      made.push(name)
    }
    await client.query('COMMIT')
    return made
  } finally {
    await client.end()
  }
}

async function holds(client: Client, path: string): Promise<boolean> {
  const text = (await readFile(path, 'utf8').catch(() => '')).trim()
  const id = keyIdOf(text)
  if (id === undefined) return false
  const { rows } = await client.query<{ secret_hash: Buffer }>(
    `SELECT secret_hash FROM public.api_keys WHERE id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())`,
    [id],
  )
  return rows[0]?.secret_hash.equals(digestOf(text)) === true
}

/** The canary's tenant, begun where it is not there yet: the API finishes it under this id. */
async function canaryTenant(client: Client): Promise<string> {
  await client.query(
    `INSERT INTO public.tenants (id, slug, name, status) VALUES ($1, $2, 'Pulse canary', 'creating') ON CONFLICT (slug) DO NOTHING`,
    [uuidv7(), CANARY_SLUG],
  )
  // By a question of its own: an API that begins it at this moment was waited for, and its row is seen only from here on.
  const { rows } = await client.query<{ id: string }>('SELECT id FROM public.tenants WHERE slug = $1', [CANARY_SLUG])
  return (rows[0] as { id: string }).id
}
