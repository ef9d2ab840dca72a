-- The ledger of processed event ids: what makes a client's repeat one row. At most two live
-- partitions (epochs), each covering at least PULSE_DEDUP_DAYS: ids are looked up in the older and
-- inserted into the newer. `epoch` costs nothing: the row is 48 bytes with it, 44 padded without.

CREATE TABLE public.processed_event_ids (
  event_id uuid NOT NULL,
  tenant_id uuid NOT NULL,
  flush_number bigint NOT NULL,
  dataset_number integer NOT NULL, -- pdm_datasets.number: unique in the deployment, 4 bytes in the index
  epoch integer NOT NULL
) PARTITION BY LIST (epoch);
ALTER TABLE public.processed_event_ids ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.processed_event_ids FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON public.processed_event_ids
  USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
GRANT SELECT, INSERT ON public.processed_event_ids TO pulse_app;
ALTER TABLE public.processed_event_ids OWNER TO pulse_definer; -- who rotates must own it; it cannot log in

CREATE TABLE public.ledger_epochs (
  epoch integer PRIMARY KEY,
  opened_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE public.ledger_epochs IS 'System table: numbers of the ledger''s partitions and when they were opened, no tenant data';
GRANT SELECT ON public.ledger_epochs TO pulse_app;
GRANT SELECT, INSERT, DELETE ON public.ledger_epochs TO pulse_definer;

-- A commit holds this lock shared, a rotation alone: so a commit never inserts into one epoch while
-- another commit already looks the id up in the next. An advisory lock, because a shared row lock
-- would write the row at every commit.
CREATE FUNCTION public.ledger_lock() RETURNS bigint LANGUAGE sql IMMUTABLE RETURN 5170213066112451;

CREATE FUNCTION public.ledger_open(new_epoch integer) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  name CONSTANT text := format('processed_event_ids_%s', new_epoch);
BEGIN
  EXECUTE format('CREATE TABLE partitions.%I PARTITION OF public.processed_event_ids FOR VALUES IN (%s)', name, new_epoch);
  EXECUTE format('CREATE UNIQUE INDEX %I ON partitions.%I (dataset_number, event_id)', name || '_key', name);
  EXECUTE format('ALTER TABLE partitions.%I ENABLE ROW LEVEL SECURITY', name);
  EXECUTE format('ALTER TABLE partitions.%I FORCE ROW LEVEL SECURITY', name);
  EXECUTE format('CREATE POLICY tenant_isolation ON partitions.%I USING (tenant_id = public.current_tenant_id())
    WITH CHECK (tenant_id = public.current_tenant_id())', name);
  INSERT INTO public.ledger_epochs (epoch) VALUES (new_epoch);
END
$$;

-- Opens the next epoch once the newest has covered `dedup_days`, and drops what is older than the
-- two. Answers the names of the tables it added and dropped, or no row when it is not time yet.
CREATE FUNCTION public.ledger_rotate(dedup_days integer) RETURNS TABLE (added text, dropped text)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  newest integer;
  old integer;
BEGIN
  IF dedup_days IS NULL OR dedup_days < 1 THEN
    RAISE EXCEPTION 'the ledger covers at least one day, not %', dedup_days USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF EXISTS (SELECT FROM public.ledger_epochs WHERE opened_at > clock_timestamp() - make_interval(days => dedup_days)) THEN
    RETURN;
  END IF;
  PERFORM pg_advisory_xact_lock(public.ledger_lock());
  IF EXISTS (SELECT FROM public.ledger_epochs WHERE opened_at > clock_timestamp() - make_interval(days => dedup_days)) THEN
    RETURN; -- another worker was first
  END IF;
  SELECT max(epoch) INTO newest FROM public.ledger_epochs;
  PERFORM public.ledger_open(newest + 1);
  added := format('processed_event_ids_%s', newest + 1);
  FOR old IN DELETE FROM public.ledger_epochs WHERE epoch < newest RETURNING epoch LOOP
    dropped := format('processed_event_ids_%s', old);
    EXECUTE format('DROP TABLE partitions.%I', dropped);
  END LOOP;
  RETURN NEXT;
END
$$;

ALTER FUNCTION public.ledger_open(integer) OWNER TO pulse_definer;
ALTER FUNCTION public.ledger_rotate(integer) OWNER TO pulse_definer;
REVOKE ALL ON FUNCTION public.ledger_open(integer), public.ledger_rotate(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.ledger_rotate(integer) TO pulse_app;
SELECT public.ledger_open(1);

-- Which of `ids` the ledger already has for a dataset of the bound tenant. The planner's settings:
-- one probe per id, whatever it believes about sizes; never a scan of the whole ledger.
CREATE FUNCTION public.ledger_known(dataset integer, ids uuid[]) RETURNS SETOF uuid
  LANGUAGE plpgsql STABLE
  SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan
  SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
BEGIN
  RETURN QUERY SELECT id FROM unnest(ids) AS id
  WHERE EXISTS (SELECT FROM processed_event_ids p WHERE p.dataset_number = dataset AND p.event_id = id);
END
$$;

-- Adds ids that must be new, or fails with unique_violation. Called by commit_flush alone, which
-- holds the lock. The older epoch is probed only within the range of ids that it has for the
-- dataset: time-ordered ids (UUIDv7) lie above it, so for them the lookup costs two probes in all.
CREATE FUNCTION public.ledger_add(tenant uuid, dataset integer, ids uuid[], flush bigint) RETURNS void
  LANGUAGE plpgsql
  SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan
  SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
  newer integer;
  older integer;
  lowest uuid;
  highest uuid;
BEGIN
  SELECT max(e.epoch), CASE WHEN count(*) > 1 THEN min(e.epoch) END INTO newer, older FROM ledger_epochs e;
  IF older IS NOT NULL THEN
    SELECT p.event_id INTO lowest FROM processed_event_ids p
      WHERE p.epoch = older AND p.dataset_number = dataset ORDER BY p.event_id LIMIT 1;
    SELECT p.event_id INTO highest FROM processed_event_ids p
      WHERE p.epoch = older AND p.dataset_number = dataset ORDER BY p.event_id DESC LIMIT 1;
    PERFORM FROM unnest(ids) AS id WHERE id >= lowest AND id <= highest AND EXISTS (
      SELECT FROM processed_event_ids p WHERE p.epoch = older AND p.dataset_number = dataset AND p.event_id = id) LIMIT 1;
    IF FOUND THEN
      RAISE unique_violation USING MESSAGE = 'an id is in the older part of the ledger', TABLE = 'processed_event_ids';
    END IF;
  END IF;
  INSERT INTO processed_event_ids (event_id, tenant_id, flush_number, dataset_number, epoch)
  SELECT id, tenant, flush, dataset, newer FROM unnest(ids) AS id ORDER BY id;
END
$$;
