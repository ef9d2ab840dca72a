import { migrate } from '../../src/store/index.ts'
import { endToEndContract } from '../e2e/contract.ts'
import { withBouncer, withServer } from '../kit/postgres-server.ts'

endToEndContract('Debian’s PostgreSQL behind pgbouncer in transaction mode', async (owner) => {
  const server = await withServer(owner)
  // The pooler asks for the role's password before `pulse start` could make it. Migrations hold a lock of the session: past the pooler.
  await migrate(server.adminUrl, { appPassword: 'app-secret', leaseSeconds: 3 })
  const { appUrl } = await withBouncer(owner, server, 8)
  return {
    env: { PULSE_ADMIN_DATABASE_URL: server.adminUrl, PULSE_DATABASE_URL: appUrl },
    engines: [{ kill: server.kill, start: server.start }],
  }
})
