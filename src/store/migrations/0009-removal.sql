-- Rows that leave a table with whole files (today: the canary's, a day after their own) are a term of
-- the law: the rows of all flushes minus what was removed is what the table has.

ALTER TABLE public.flush_totals ADD COLUMN removed bigint NOT NULL DEFAULT 0 CHECK (removed >= 0);

-- A removal is committed like a flush (0007), by whoever owns the partition that stands for the table,
-- and moves no offset: what it leaves behind is a row of flushes with its total, the pointer, the files that nothing
-- reaches any more. It answers {"kind": …}: what did not hold, by name, found before anything is written.
--
--   source   {topic_id, partition, generation}   the fence
--   removal  {dataset, namespace, name, from, to, rows}
--   expired  [{location, after}]   seconds of grace

CREATE FUNCTION public.commit_removal(flush uuid, worker_name text, source jsonb, removal jsonb, expired jsonb) RETURNS jsonb
  LANGUAGE plpgsql SECURITY INVOKER
  SET search_path = public, pg_temp
AS $$
DECLARE
  tenant CONSTANT uuid := current_tenant_id();
  at source_partitions%ROWTYPE;
  pointer text;
  number bigint;
BEGIN
  -- 1. The partition: whoever claims it waits for us, or we see its generation. A flush of it goes before us or after.
  SELECT * INTO at FROM source_partitions s
  WHERE s.topic_id = (source->>'topic_id')::uuid AND s.partition = (source->>'partition')::int FOR NO KEY UPDATE;

  -- A copy of a commit whose answer was lost: under the lock it is either there or will never be.
  SELECT flush_number INTO number FROM flushes WHERE flush_id = flush;
  IF FOUND THEN RETURN jsonb_build_object('kind', 'committed', 'flushNumber', number); END IF;

  IF at.owner IS DISTINCT FROM worker_name OR at.generation IS DISTINCT FROM (source->>'generation')::bigint
    OR at.tenant_id IS DISTINCT FROM tenant OR at.retired_at IS NOT NULL THEN
    RETURN jsonb_build_object('kind', 'fenced');
  END IF;

  -- 2. The table, which must be the dataset's own.
  SELECT t.metadata_location INTO pointer FROM iceberg_catalog.iceberg_tables t
  JOIN pdm_datasets own ON own.id = (removal->>'dataset')::uuid
    AND own.namespace = t.table_namespace AND own.table_name = t.table_name
  WHERE t.catalog_name = 'pulse' AND t.table_namespace = removal->>'namespace' AND t.table_name = removal->>'name'
  FOR NO KEY UPDATE OF t;
  IF pointer IS DISTINCT FROM removal->>'from' THEN
    RETURN jsonb_build_object('kind', 'table_moved', 'current', pointer);
  END IF;

  -- 3. The intent: once it is ours here, nobody can condemn it and delete the files.
  PERFORM FROM flush_intents WHERE flush_id = flush AND condemned_at IS NULL FOR UPDATE;
  IF NOT FOUND THEN RETURN jsonb_build_object('kind', 'condemned'); END IF;

  -- 4. What becomes true.
  INSERT INTO flushes (flush_id, tenant_id, worker) VALUES (flush, tenant, worker_name) RETURNING flush_number INTO number;
  INSERT INTO flush_totals (flush_number, dataset_id, tenant_id, records, rows, duplicates, dead_letters, replayed, removed)
  VALUES (number, (removal->>'dataset')::uuid, tenant, 0, 0, 0, 0, 0, (removal->>'rows')::bigint);
  UPDATE iceberg_catalog.iceberg_tables t SET previous_metadata_location = t.metadata_location, metadata_location = removal->>'to'
  WHERE t.catalog_name = 'pulse' AND t.table_namespace = removal->>'namespace' AND t.table_name = removal->>'name';
  INSERT INTO expired_files (location, tenant_id, not_before)
  SELECT location, tenant, clock_timestamp() + make_interval(secs => after)
  FROM jsonb_to_recordset(expired) AS e (location text, after float8) ON CONFLICT DO NOTHING;
  DELETE FROM flush_intents WHERE flush_id = flush;
  RETURN jsonb_build_object('kind', 'committed', 'flushNumber', number);
END
$$;
REVOKE ALL ON FUNCTION public.commit_removal(uuid, text, jsonb, jsonb, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.commit_removal(uuid, text, jsonb, jsonb, jsonb) TO pulse_app;
