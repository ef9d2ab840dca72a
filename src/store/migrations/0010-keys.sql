-- Keys that show who is asking. The secret itself is in no table: only its SHA-256, which suffices for 256 bits of chance.
CREATE TABLE public.api_keys (
  id uuid PRIMARY KEY,
  tenant_id uuid REFERENCES public.tenants (id), -- NULL: the operator's, who acts on tenants and their keys and sees no events
  name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
  scopes text[] NOT NULL CHECK (scopes <@ ARRAY['collect', 'read', 'pii', 'manage', 'operate']),
  secret_hash bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
  rotated_from uuid,
  created_at timestamptz(6) NOT NULL DEFAULT now(),
  expires_at timestamptz(6),
  revoked_at timestamptz(6),
  last_used_at timestamptz(6),
  changed_at timestamptz(6) NOT NULL DEFAULT clock_timestamp(),
  CHECK (('operate' = ANY (scopes)) = (tenant_id IS NULL))
);
CREATE INDEX api_keys_of_tenant ON public.api_keys (tenant_id, created_at DESC, id DESC);
CREATE INDEX api_keys_changed ON public.api_keys (changed_at);

ALTER TABLE public.api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.api_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON public.api_keys
  USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
-- Everything but the hash.
GRANT SELECT (id, tenant_id, name, scopes, rotated_from, created_at, expires_at, revoked_at, last_used_at),
  INSERT, UPDATE (expires_at, revoked_at, changed_at) ON public.api_keys TO pulse_app;
GRANT SELECT, UPDATE (last_used_at) ON public.api_keys TO pulse_definer;

-- Whose a key is, before a tenant is known. A revoked one is nobody's.
CREATE FUNCTION public.key_lookup(which uuid)
  RETURNS TABLE (tenant_id uuid, scopes text[], secret_hash bytea, expires_at timestamptz)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT k.tenant_id, k.scopes, k.secret_hash, k.expires_at FROM public.api_keys k WHERE k.id = which AND k.revoked_at IS NULL;
END;

-- What every process asks once a second: ids alone, of keys that were made, given an end or revoked since.
CREATE FUNCTION public.keys_changed(since timestamptz) RETURNS SETOF uuid
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT id FROM public.api_keys WHERE changed_at > since;
END;

-- To the minute: a key that is used a thousand times a second is not written a thousand times.
CREATE FUNCTION public.keys_used(which uuid[]) RETURNS void
  LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  UPDATE public.api_keys SET last_used_at = now()
  WHERE id = ANY (which) AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute');
END;

ALTER FUNCTION public.key_lookup(uuid) OWNER TO pulse_definer;
ALTER FUNCTION public.keys_changed(timestamptz) OWNER TO pulse_definer;
ALTER FUNCTION public.keys_used(uuid[]) OWNER TO pulse_definer;
REVOKE ALL ON FUNCTION public.key_lookup(uuid), public.keys_changed(timestamptz), public.keys_used(uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.key_lookup(uuid), public.keys_changed(timestamptz), public.keys_used(uuid[]) TO pulse_app;
