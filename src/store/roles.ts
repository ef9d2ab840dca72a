import type { Client } from 'pg'
import { limitsBeside } from './transaction.ts'

/**
 * The roles of a server, made before the migrations because they belong to the server and not to
 * one database. `pulse` (whoever migrates) owns the tables; `pulse_app` runs both planes under row
 * level security; `pulse_definer` owns the SECURITY DEFINER functions and can never log in;
 * `pulse_reader` reads the Iceberg catalog once an operator gives it a password and LOGIN.
 */

export interface RoleOptions {
  /** For a pulse_app that is made now. One that exists keeps the password that somebody gave it. */
  readonly appPassword?: string
  /** Locks and idle transactions of pulse_app end well within the lease, so that a stopped worker cannot hold its successor up. */
  readonly leaseSeconds?: number
}

export class MigrateRefused extends Error {
  override readonly name = 'MigrateRefused'
}

const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** Makes the roles that are missing and sets their attributes. Safe to repeat; the caller holds the migration lock. */
export async function ensureRoles(client: Client, options: RoleOptions): Promise<void> {
  const me = await client.query<{ name: string; super: boolean; bypass: boolean; create: boolean }>(
    'SELECT rolname AS name, rolsuper AS super, rolbypassrls AS bypass, rolcreaterole AS create FROM pg_roles WHERE rolname = current_user',
  )
  const found = await client.query<{ name: string; bypass: boolean }>(
    `SELECT rolname AS name, rolbypassrls AS bypass FROM pg_roles WHERE rolname IN ('pulse_app', 'pulse_definer', 'pulse_reader')`,
  )
  const bypass = new Map(found.rows.map((role) => [role.name, role.bypass]))
  const self = me.rows[0]
  const mayCreate = self?.super === true || self?.create === true
  if (!mayCreate && bypass.size < 3) {
    throw new MigrateRefused(
      `The role "${self?.name}" may not create roles, and pulse_app, pulse_definer or pulse_reader is missing: ` +
        'let a superuser create them (pulse_definer NOLOGIN BYPASSRLS), or give the role of PULSE_ADMIN_DATABASE_URL CREATEROLE and BYPASSRLS.',
    )
  }
  if (!bypass.has('pulse_app')) {
    const login = options.appPassword === undefined ? 'NOLOGIN' : `LOGIN PASSWORD ${quote(options.appPassword)}`
    await client.query(`CREATE ROLE pulse_app NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOINHERIT ${login}`)
  }
  if (!bypass.has('pulse_reader')) await client.query('CREATE ROLE pulse_reader NOLOGIN')
  if (!bypass.has('pulse_definer')) await client.query('CREATE ROLE pulse_definer NOLOGIN BYPASSRLS')
  else if (bypass.get('pulse_definer') !== true) {
    throw new MigrateRefused(
      'The role pulse_definer must have BYPASSRLS: let a superuser run ALTER ROLE pulse_definer BYPASSRLS NOLOGIN.',
    )
  }
  if (!mayCreate) return
  if (self?.super !== true) await client.query('GRANT pulse_definer TO CURRENT_USER')
  const { lockMs, idleMs } = limitsBeside(options.leaseSeconds ?? 6)
  await client.query(`ALTER ROLE pulse_app SET lock_timeout = ${lockMs}`)
  await client.query(`ALTER ROLE pulse_app SET idle_in_transaction_session_timeout = ${idleMs}`)
}

/** What belongs to the database itself and is not copied with a template: nobody but the owner makes temporary tables. */
export async function secureDatabase(client: Client): Promise<void> {
  await client.query(`DO $$ BEGIN
    EXECUTE format('REVOKE CREATE, TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO pulse_app, pulse_reader', current_database());
  END $$`)
  await client.query('REVOKE CREATE ON SCHEMA public FROM PUBLIC')
  // Names of files: a worker is started once those of its version are there.
  await client.query('GRANT SELECT ON public.pulse_migrations TO pulse_app')
}
