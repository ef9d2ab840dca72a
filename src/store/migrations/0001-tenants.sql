-- Tenants, and the function that every tenant's policy asks. The roles (pulse_app, pulse_definer,
-- pulse_reader) belong to the whole server, not to one database: src/store/roles.ts makes them first.

GRANT USAGE ON SCHEMA public TO pulse_app, pulse_definer;

-- nullif: a transaction-local setting falls back to '' and not to NULL once it was set on a
-- connection, and ''::uuid is an error; with it, no tenant bound means no row, never a failure.
CREATE FUNCTION public.current_tenant_id() RETURNS uuid
  LANGUAGE sql STABLE PARALLEL SAFE
  RETURN nullif(current_setting('app.current_tenant_id', true), '')::uuid;

CREATE TABLE public.tenants (
  id uuid PRIMARY KEY,
  slug text NOT NULL UNIQUE CHECK (slug ~ '^[a-z][a-z0-9_-]{0,62}$'),
  name text NOT NULL,
  status text NOT NULL CHECK (status IN ('creating', 'active', 'suspended')),
  metadata jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz(6) NOT NULL DEFAULT now(),
  updated_at timestamptz(6) NOT NULL DEFAULT now()
);
CREATE INDEX tenants_newest_first ON public.tenants (created_at DESC, id DESC);

ALTER TABLE public.tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON public.tenants
  USING (id = current_tenant_id()) WITH CHECK (id = current_tenant_id());
GRANT SELECT ON public.tenants TO pulse_app;
GRANT SELECT, INSERT, UPDATE ON public.tenants TO pulse_definer;

-- What the operator's calls need across tenants, and nothing more. Each function is owned by
-- pulse_definer (NOLOGIN, BYPASSRLS) and names everything with its schema.

-- Inserts a tenant in status 'creating', or returns the unfinished one of that slug so that the
-- caller can finish it (its id stays). A finished one: unique_violation on tenants_slug_key.
CREATE FUNCTION public.tenant_begin(new_id uuid, new_slug text, new_name text, new_metadata jsonb)
  RETURNS public.tenants
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  begun public.tenants;
BEGIN
  INSERT INTO public.tenants AS t (id, slug, name, status, metadata)
  VALUES (new_id, new_slug, new_name, 'creating', new_metadata)
  ON CONFLICT (slug) DO UPDATE SET name = excluded.name, metadata = excluded.metadata, updated_at = now()
    WHERE t.status = 'creating'
  RETURNING * INTO begun;
  IF begun.id IS NULL THEN
    RAISE EXCEPTION 'the tenant slug % is taken', new_slug
      USING ERRCODE = 'unique_violation', CONSTRAINT = 'tenants_slug_key', TABLE = 'tenants', SCHEMA = 'public';
  END IF;
  RETURN begun;
END
$$;

-- 'creating' becomes 'active'; an active or suspended tenant stays as it is. No row: NULLs.
CREATE FUNCTION public.tenant_activate(which uuid) RETURNS SETOF public.tenants
  LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  UPDATE public.tenants
  SET status = CASE WHEN status = 'creating' THEN 'active' ELSE status END,
      updated_at = CASE WHEN status = 'creating' THEN now() ELSE updated_at END
  WHERE id = which
  RETURNING *;
END;

CREATE FUNCTION public.tenant_get(which uuid) RETURNS SETOF public.tenants
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT * FROM public.tenants WHERE id = which;
END;

CREATE FUNCTION public.tenant_by_slug(which text) RETURNS SETOF public.tenants
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT * FROM public.tenants WHERE slug = which;
END;

-- Newest first; unfinished ones are seen by nobody. The first page has NULLs for the cursor.
CREATE FUNCTION public.tenant_list(at_most integer, before_created_at timestamptz, before_id uuid)
  RETURNS SETOF public.tenants
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT * FROM public.tenants
  WHERE status <> 'creating'
    AND (before_created_at IS NULL OR (created_at, id) < (before_created_at, before_id))
  ORDER BY created_at DESC, id DESC
  LIMIT at_most;
END;

-- NULL leaves a member as it is. An unfinished tenant cannot be patched: no row comes back.
CREATE FUNCTION public.tenant_patch(which uuid, new_name text, new_metadata jsonb, new_status text)
  RETURNS SETOF public.tenants
  LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  UPDATE public.tenants
  SET name = coalesce(new_name, name),
      metadata = coalesce(new_metadata, metadata),
      status = coalesce(new_status, status),
      updated_at = now()
  WHERE id = which AND status <> 'creating'
  RETURNING *;
END;

ALTER FUNCTION public.tenant_begin(uuid, text, text, jsonb) OWNER TO pulse_definer;
ALTER FUNCTION public.tenant_activate(uuid) OWNER TO pulse_definer;
ALTER FUNCTION public.tenant_get(uuid) OWNER TO pulse_definer;
ALTER FUNCTION public.tenant_by_slug(text) OWNER TO pulse_definer;
ALTER FUNCTION public.tenant_list(integer, timestamptz, uuid) OWNER TO pulse_definer;
ALTER FUNCTION public.tenant_patch(uuid, text, jsonb, text) OWNER TO pulse_definer;
REVOKE ALL ON FUNCTION
  public.tenant_begin(uuid, text, text, jsonb), public.tenant_activate(uuid), public.tenant_get(uuid),
  public.tenant_by_slug(text), public.tenant_list(integer, timestamptz, uuid),
  public.tenant_patch(uuid, text, jsonb, text)
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
  public.tenant_begin(uuid, text, text, jsonb), public.tenant_activate(uuid), public.tenant_get(uuid),
  public.tenant_by_slug(text), public.tenant_list(integer, timestamptz, uuid),
  public.tenant_patch(uuid, text, jsonb, text)
  TO pulse_app;
