-- Who changed what: a row for every change to a tenant, an entity, a dataset, a key, its limits or the settings, written by triggers in the
-- transaction of the change, so that no way of changing can forget it and none that is rolled back is told of. None of the tables that
-- events pass through has such a trigger.

CREATE TABLE public.audit (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  at timestamptz(6) NOT NULL DEFAULT clock_timestamp(),
  tenant_id uuid, -- null: of the installation. No reference: what is audited may go, what was done to it stays
  actor text NOT NULL,
  action text NOT NULL,
  entity text NOT NULL,
  entity_id uuid, -- null: the settings
  name text NOT NULL,
  before json, -- `json`, not `jsonb`: a definition as it was sent, and with texts that jsonb cannot hold
  after json,
  trace_id text
);
CREATE INDEX audit_of_tenant ON public.audit (tenant_id, at DESC, id DESC);
CREATE INDEX audit_of_entity ON public.audit (entity_id, at DESC, id DESC);
CREATE INDEX audit_newest_first ON public.audit (at DESC, id DESC);

ALTER TABLE public.audit ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.audit FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON public.audit
  USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
-- Append-only: who serves requests may read, the triggers may add, retention may take what is old away, and nobody may change.
GRANT SELECT ON public.audit TO pulse_app;
GRANT SELECT, INSERT, DELETE ON public.audit TO pulse_definer;

-- Who: what the transaction was told (src/store/transaction.ts), else the process by the name of its connection, else who logged in to
-- the database. Called by the functions below alone, with their rights.
CREATE FUNCTION public.audit_write(
  of_tenant uuid, what text, verb text, which uuid, called text, earlier json, later json
) RETURNS void LANGUAGE sql SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  INSERT INTO public.audit (tenant_id, actor, action, entity, entity_id, name, before, after, trace_id)
  VALUES (of_tenant,
    coalesce(nullif(current_setting('app.actor', true), ''),
      'pulse:' || substring(current_setting('application_name') FROM '^pulse[- ]([a-z]+)$'),
      'database:' || session_user),
    what || '.' || verb, what, which, called, earlier, later, nullif(current_setting('app.trace_id', true), ''));
END;

-- The row of one change. Arguments: the entity (empty: the row's own kind), and columns with blanks between that are not shown and
-- whose change is none: secrets, times of use, what is made from other columns. Of an update the members that differ are
-- shown, of anything else all that are not null. Texts are put together as they are: a function that parses JSON refuses \u0000.
CREATE FUNCTION public.audit_note() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
AS $$
DECLARE
  silent CONSTANT text[] := string_to_array(TG_ARGV[1], ' ');
  what text := TG_ARGV[0];
  verb text := CASE TG_OP WHEN 'INSERT' THEN 'create' WHEN 'UPDATE' THEN 'update' ELSE 'delete' END;
  row record;
  of_tenant uuid;
  which uuid;
  called text;
  names text[];
  earlier text[];
  later text[];
  before text;
  after text;
BEGIN
  IF TG_OP = 'DELETE' THEN row := OLD; ELSE row := NEW; END IF;

  IF TG_TABLE_NAME = 'tenants' THEN
    of_tenant := row.id;
    called := row.slug;
    IF row.status = 'creating' THEN RETURN NULL; END IF; -- seen by nobody yet
    IF TG_OP = 'UPDATE' THEN
      verb := CASE WHEN OLD.status = 'creating' THEN 'create' WHEN OLD.status = NEW.status THEN 'update'
        WHEN NEW.status = 'suspended' THEN 'suspend' ELSE 'resume' END;
    END IF;
  ELSE
    of_tenant := row.tenant_id;
  END IF;
  IF TG_TABLE_NAME = 'pdm_entities' THEN
    what := row.kind;
    called := row.uri;
    IF TG_OP = 'UPDATE' THEN
      verb := CASE WHEN OLD.status = NEW.status THEN 'update' WHEN NEW.status = 'published' THEN 'publish'
        WHEN NEW.status = 'archived' THEN 'archive' ELSE 'update' END;
    END IF;
  ELSIF TG_TABLE_NAME = 'pdm_datasets' THEN
    called := row.slug;
    IF TG_OP = 'UPDATE' THEN verb := CASE WHEN OLD.schema_id = NEW.schema_id THEN 'update' ELSE 'bind' END; END IF;
  ELSIF TG_TABLE_NAME = 'api_keys' THEN
    called := row.name;
    IF TG_OP = 'INSERT' AND NEW.rotated_from IS NOT NULL THEN verb := 'rotate'; END IF;
    IF TG_OP = 'UPDATE' AND OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL THEN verb := 'revoke'; END IF;
  END IF;
  IF TG_TABLE_NAME = 'limits' THEN -- whose they are: the tenant's own, or those of one of its keys
    which := row.subject;
    called := CASE WHEN row.subject = row.tenant_id THEN 'tenant' ELSE 'key' END;
  ELSE
    which := row.id;
  END IF;

  SELECT array_agg(a.attname::text ORDER BY a.attnum) INTO names FROM pg_attribute a
  WHERE a.attrelid = TG_RELID AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> ALL (silent);
  EXECUTE (SELECT format('SELECT ARRAY[%s], ARRAY[%s]',
      string_agg(format('coalesce(to_json(($1).%I)::text, ''null'')', n), ', '),
      string_agg(format('coalesce(to_json(($2).%I)::text, ''null'')', n), ', ')) FROM unnest(names) AS n)
    INTO earlier, later USING (CASE WHEN TG_OP = 'INSERT' THEN NEW ELSE OLD END), (CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END);
  IF verb = 'create' OR TG_OP = 'INSERT' THEN earlier := NULL; END IF;
  IF TG_OP = 'DELETE' THEN later := NULL; END IF;
  SELECT '{' || string_agg(to_json(m.col)::text || ':' || m.was, ',') || '}',
    '{' || string_agg(to_json(m.col)::text || ':' || m.became, ',') || '}' INTO before, after
  FROM unnest(names, earlier, later) AS m (col, was, became)
  WHERE CASE WHEN earlier IS NULL THEN m.became <> 'null' WHEN later IS NULL THEN m.was <> 'null' ELSE m.was <> m.became END;
  IF before IS NULL AND after IS NULL THEN RETURN NULL; END IF;
  PERFORM public.audit_write(of_tenant, what, verb, which, called, before::json, after::json);
  RETURN NULL;
END
$$;

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON public.tenants
  FOR EACH ROW EXECUTE FUNCTION public.audit_note('tenant', 'updated_at');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON public.pdm_entities
  FOR EACH ROW EXECUTE FUNCTION public.audit_note('', 'tenant_id kind updated_at composed origins uses');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON public.pdm_datasets
  FOR EACH ROW EXECUTE FUNCTION public.audit_note('dataset', 'tenant_id number updated_at');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON public.api_keys
  FOR EACH ROW EXECUTE FUNCTION public.audit_note('key', 'tenant_id secret_hash last_used_at changed_at');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON public.limits
  FOR EACH ROW EXECUTE FUNCTION public.audit_note('limits', 'tenant_id subject');

-- What the processes of each plane were started with last, secrets cut out before it comes here.
CREATE TABLE public.settings_recorded (
  plane text PRIMARY KEY,
  settings jsonb NOT NULL,
  recorded_at timestamptz(6) NOT NULL DEFAULT clock_timestamp()
);
GRANT SELECT, INSERT, UPDATE ON public.settings_recorded TO pulse_definer;
COMMENT ON TABLE public.settings_recorded IS 'System table: what the processes of each plane run with, without secrets; pulse_app may not touch it';

-- Notes what a process of a plane runs with, and in the audit what differs from the last that was noted. Answers whether anything did.
CREATE FUNCTION public.settings_record(of_plane text, now_settings jsonb) RETURNS boolean
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  was jsonb;
  earlier json;
  later json;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('pulse settings ' || of_plane)); -- processes start at once
  SELECT s.settings INTO was FROM public.settings_recorded s WHERE s.plane = of_plane;
  SELECT json_object_agg(k, was->k), json_object_agg(k, now_settings->k) INTO earlier, later
  FROM (SELECT jsonb_object_keys(was) UNION SELECT jsonb_object_keys(now_settings)) AS members (k)
  WHERE was->k IS DISTINCT FROM now_settings->k;
  IF later IS NULL THEN RETURN false; END IF;
  INSERT INTO public.settings_recorded AS s (plane, settings) VALUES (of_plane, now_settings)
  ON CONFLICT (plane) DO UPDATE SET settings = excluded.settings, recorded_at = clock_timestamp();
  PERFORM public.audit_write(NULL, 'settings', CASE WHEN was IS NULL THEN 'create' ELSE 'update' END, NULL, of_plane,
    CASE WHEN was IS NULL THEN NULL ELSE earlier END, later);
  RETURN true;
END
$$;

-- The operator's list: of all tenants and of the installation. NULL asks for all.
CREATE FUNCTION public.audit_list(
  at_most integer, before_at timestamptz, before_id uuid, from_at timestamptz, to_at timestamptz,
  of_entity text, of_id uuid, of_action text, of_actor text, of_trace text
) RETURNS SETOF public.audit
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT * FROM public.audit a
  WHERE (before_at IS NULL OR (a.at, a.id) < (before_at, before_id))
    AND (from_at IS NULL OR a.at >= from_at) AND (to_at IS NULL OR a.at < to_at)
    AND (of_entity IS NULL OR a.entity = of_entity) AND (of_id IS NULL OR a.entity_id = of_id)
    AND (of_action IS NULL OR a.action = of_action) AND (of_actor IS NULL OR a.actor = of_actor)
    AND (of_trace IS NULL OR a.trace_id = of_trace)
  ORDER BY a.at DESC, a.id DESC LIMIT at_most;
END;

-- Forgets what is older than `keep_days` (at least a day). Answers how many went.
CREATE FUNCTION public.audit_prune(keep_days integer, at_most integer) RETURNS bigint
  LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  WITH gone AS (
    DELETE FROM public.audit WHERE id IN (
      SELECT id FROM public.audit WHERE at < clock_timestamp() - make_interval(days => greatest(keep_days, 1))
      ORDER BY at LIMIT at_most)
    RETURNING id)
  SELECT count(*) FROM gone;
END;

ALTER FUNCTION public.audit_write(uuid, text, text, uuid, text, json, json) OWNER TO pulse_definer;
ALTER FUNCTION public.audit_note() OWNER TO pulse_definer;
ALTER FUNCTION public.settings_record(text, jsonb) OWNER TO pulse_definer;
ALTER FUNCTION public.audit_list(integer, timestamptz, uuid, timestamptz, timestamptz, text, uuid, text, text, text) OWNER TO pulse_definer;
ALTER FUNCTION public.audit_prune(integer, integer) OWNER TO pulse_definer;
REVOKE ALL ON FUNCTION public.audit_write(uuid, text, text, uuid, text, json, json), public.audit_note(),
  public.settings_record(text, jsonb), public.audit_prune(integer, integer),
  public.audit_list(integer, timestamptz, uuid, timestamptz, timestamptz, text, uuid, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.settings_record(text, jsonb), public.audit_prune(integer, integer),
  public.audit_list(integer, timestamptz, uuid, timestamptz, timestamptz, text, uuid, text, text, text) TO pulse_app;
