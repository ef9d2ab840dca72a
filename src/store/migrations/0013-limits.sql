-- What tenants and keys may send, and how much of it they have sent. `subject` is the id of either.
CREATE TABLE public.limits (
  subject uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES public.tenants (id),
  events_per_second bigint CHECK (events_per_second BETWEEN 1 AND 1000000000000000),
  bytes_per_second bigint CHECK (bytes_per_second BETWEEN 1 AND 1000000000000000),
  events_per_day bigint CHECK (events_per_day BETWEEN 1 AND 1000000000000000),
  bytes_per_day bigint CHECK (bytes_per_day BETWEEN 1 AND 1000000000000000)
);
ALTER TABLE public.limits ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.limits FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON public.limits
  USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
GRANT SELECT, INSERT, UPDATE, DELETE ON public.limits TO pulse_app;
GRANT SELECT ON public.limits TO pulse_definer;

-- How full each bucket is: one of a second leaks at the rate that is allowed, one of a day is empty when the day begins. Half-empty
-- pages, so that an update finds room beside its row: the same few rows change ten times a second.
CREATE TABLE public.limit_buckets (
  subject uuid NOT NULL,
  name text NOT NULL,
  used double precision NOT NULL,
  at timestamptz(6) NOT NULL,
  PRIMARY KEY (subject, name)
) WITH (fillfactor = 50);
ALTER TABLE public.limit_buckets ENABLE ROW LEVEL SECURITY; -- and no policy: the function below alone looks at it
GRANT SELECT, INSERT, UPDATE ON public.limit_buckets TO pulse_definer;
COMMENT ON TABLE public.limit_buckets IS 'System table: ids and how much of each limit is used; pulse_app may not touch it';

-- As JSON, null where there are none: what travels with a tenant or a key.
CREATE FUNCTION public.limits_of(which uuid) RETURNS json
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT json_strip_nulls(json_build_object('events_per_second', events_per_second, 'bytes_per_second', bytes_per_second,
    'events_per_day', events_per_day, 'bytes_per_day', bytes_per_day))
  FROM public.limits WHERE subject = which;
END;

-- A key gets another name, or other limits, and stays the key that it is.
GRANT UPDATE (name) ON public.api_keys TO pulse_app;

DROP FUNCTION public.key_lookup(uuid);
CREATE FUNCTION public.key_lookup(which uuid)
  RETURNS TABLE (tenant_id uuid, scopes text[], secret_hash bytea, expires_at timestamptz, limits json)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT k.tenant_id, k.scopes, k.secret_hash, k.expires_at, public.limits_of(k.id)
  FROM public.api_keys k WHERE k.id = which AND k.revoked_at IS NULL;
END;

-- Leases of what is left, for many buckets at once, in the order asked. `ask` below zero gives back; `owed` was let through without
-- asking. A rate fills half a second ahead. Only this clock counts, and one that steps back stands still. Buckets are locked in
-- one order, so that two who ask for the same never wait for each other in a circle.
CREATE FUNCTION public.limit_lease(subjects uuid[], names text[], allowed bigint[], asks double precision[], owed double precision[])
  RETURNS TABLE (place bigint, granted double precision, remaining double precision, resets_in_ms double precision)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  one record;
  bucket record;
  moment timestamptz;
  level double precision;
  room double precision;
BEGIN
  FOR one IN
    SELECT * FROM unnest(subjects, names, allowed, asks, owed) WITH ORDINALITY AS a (subject, name, allowed, ask, owed, place)
    ORDER BY a.subject, a.name
  LOOP
    INSERT INTO public.limit_buckets VALUES (one.subject, one.name, 0, clock_timestamp()) ON CONFLICT DO NOTHING;
    SELECT used, at INTO bucket FROM public.limit_buckets b WHERE b.subject = one.subject AND b.name = one.name FOR UPDATE;
    moment := greatest(bucket.at, clock_timestamp());
    IF one.name LIKE '%_per_second' THEN
      level := greatest(0, bucket.used - one.allowed * extract(epoch FROM moment - bucket.at)::double precision);
      room := greatest(1, one.allowed / 2.0) - level - one.owed;
    ELSE
      level := CASE WHEN (moment AT TIME ZONE 'UTC')::date > (bucket.at AT TIME ZONE 'UTC')::date THEN 0 ELSE bucket.used END;
      room := one.allowed - level - one.owed;
    END IF;
    place := one.place;
    granted := CASE WHEN one.ask < 0 THEN -least(-one.ask, level + one.owed) ELSE greatest(0, least(one.ask, room)) END;
    remaining := room - granted;
    resets_in_ms := ceil(extract(epoch FROM
      ((moment AT TIME ZONE 'UTC')::date + 1)::timestamp - moment AT TIME ZONE 'UTC') * 1000);
    UPDATE public.limit_buckets b SET used = level + one.owed + granted, at = moment
    WHERE b.subject = one.subject AND b.name = one.name;
    RETURN NEXT;
  END LOOP;
END;
$$;

ALTER FUNCTION public.limits_of(uuid) OWNER TO pulse_definer;
ALTER FUNCTION public.key_lookup(uuid) OWNER TO pulse_definer;
ALTER FUNCTION public.limit_lease(uuid[], text[], bigint[], double precision[], double precision[]) OWNER TO pulse_definer;
REVOKE ALL ON FUNCTION public.limits_of(uuid), public.key_lookup(uuid),
  public.limit_lease(uuid[], text[], bigint[], double precision[], double precision[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.limits_of(uuid), public.key_lookup(uuid),
  public.limit_lease(uuid[], text[], bigint[], double precision[], double precision[]) TO pulse_app;
