-- The guarantee, whole and as it stands: 0005 and 0007 wrote these two functions, 0016 changed lines of them. They do what they did (ids
-- that are known are told in another way, which takes no time by their square), and their owner and grants stay.
--
-- Everything that a flush changes changes here, in one transaction, or nothing does.
-- It answers {"kind": …}: what did not hold, by name, found before anything is written. Only an id
-- that the ledger knows is found by writing; the inner block undoes what was written until then.
--
--   sources   [{topic_id, partition, generation, flushes, next_offset}]   the fence, and where reading starts
--   datasets  [{id, namespace, name, from, to, first, last, records, rows, duplicates, dead_letters, replayed,
--               snapshot}]   from/to null: no row is added; its ids are ids[first:last]; snapshot: the one that `to` adds
--   settled   [{topic_id, partition, dataset_id, next_offset}]
--   letters   [{dead_letters' columns; key and value in base64}]
--   expired   [{location, after}]   seconds of grace
--   records_of_ids   beside ids: which record each row was, partition * 2^48 + offset
CREATE OR REPLACE FUNCTION public.commit_flush(
  flush uuid, worker_name text, sources jsonb, datasets jsonb, ids uuid[], settled jsonb, letters json, expired jsonb,
  records_of_ids bigint[] DEFAULT NULL
) RETURNS jsonb
  LANGUAGE plpgsql SECURITY INVOKER
  SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan
  SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
  tenant CONSTANT uuid := current_tenant_id();
  wrong jsonb;
  number bigint;
  moved bigint;
  d record;
BEGIN
  -- 1. The partitions, in order. Whoever claims one waits for us, or we see its generation.
  PERFORM FROM source_partitions s JOIN jsonb_to_recordset(sources) AS f (topic_id uuid, partition int) USING (topic_id, partition)
  ORDER BY topic_id, partition FOR NO KEY UPDATE OF s;

  -- A copy of a commit whose answer was lost: under the lock it is either there or will never be.
  SELECT flush_number INTO number FROM flushes WHERE flush_id = flush;
  IF FOUND THEN RETURN jsonb_build_object('kind', 'committed', 'flushNumber', number); END IF;

  SELECT jsonb_agg(jsonb_build_object('topicId', f.topic_id, 'partition', f.partition)) INTO wrong
  FROM jsonb_to_recordset(sources) AS f (topic_id uuid, partition int, generation bigint, flushes bigint)
  LEFT JOIN source_partitions s USING (topic_id, partition)
  WHERE s.owner IS DISTINCT FROM worker_name OR s.generation IS DISTINCT FROM f.generation
     OR s.flushes IS DISTINCT FROM f.flushes OR s.tenant_id IS DISTINCT FROM tenant;
  IF wrong IS NOT NULL THEN RETURN jsonb_build_object('kind', 'fenced', 'partitions', wrong); END IF;

  -- 2. The tables, in order. A dataset that the tenant does not have has no table.
  PERFORM FROM iceberg_catalog.iceberg_tables t JOIN jsonb_to_recordset(datasets) AS w (namespace text, name text)
    ON t.catalog_name = 'pulse' AND t.table_namespace = w.namespace AND t.table_name = w.name
  ORDER BY t.table_namespace, t.table_name FOR NO KEY UPDATE OF t;

  SELECT jsonb_agg(jsonb_build_object('datasetId', w.id, 'current', t.metadata_location)) INTO wrong
  FROM jsonb_to_recordset(datasets) AS w (id uuid, namespace text, name text, "from" text)
  LEFT JOIN pdm_datasets own ON own.id = w.id AND own.namespace = w.namespace AND own.table_name = w.name
  LEFT JOIN iceberg_catalog.iceberg_tables t
    ON t.catalog_name = 'pulse' AND t.table_namespace = own.namespace AND t.table_name = own.table_name
  WHERE w."from" IS NOT NULL AND t.metadata_location IS DISTINCT FROM w."from";
  IF wrong IS NOT NULL THEN RETURN jsonb_build_object('kind', 'table_moved', 'tables', wrong); END IF;

  -- 3. The intent: once it is ours here, nobody can condemn it and delete the files.
  PERFORM FROM flush_intents WHERE flush_id = flush AND condemned_at IS NULL FOR UPDATE;
  IF NOT FOUND THEN RETURN jsonb_build_object('kind', 'condemned'); END IF;

  -- 4. The flush, its totals, and the ledger: the unique index decides whether an id is new.
  PERFORM pg_advisory_xact_lock_shared(ledger_lock());
  BEGIN
    INSERT INTO flushes (flush_id, tenant_id, worker) VALUES (flush, tenant, worker_name) RETURNING flush_number INTO number;
    FOR d IN SELECT w.*, own.number::int AS dataset_number FROM jsonb_to_recordset(datasets) AS w (id uuid, "from" text, first int,
      last int, records bigint, rows bigint, duplicates bigint, dead_letters bigint, replayed bigint, snapshot bigint)
      LEFT JOIN pdm_datasets own ON own.id = w.id ORDER BY w.id
    LOOP
      IF d.rows <> d.last - d.first + 1 OR (d.rows > 0 AND d."from" IS NULL) THEN
        RAISE EXCEPTION 'dataset % adds % rows but names % ids, table %', d.id, d.rows, d.last - d.first + 1, d."from";
      END IF;
      INSERT INTO flush_totals (flush_number, dataset_id, tenant_id, records, rows, duplicates, dead_letters, replayed, snapshot_id)
        VALUES (number, d.id, tenant, d.records, d.rows, d.duplicates, d.dead_letters, d.replayed, d.snapshot);
      IF d.rows > 0 THEN PERFORM ledger_add(tenant, d.dataset_number, ids[d.first:d.last], number, records_of_ids[d.first:d.last]); END IF;
    END LOOP;
  EXCEPTION WHEN unique_violation THEN
    -- As json, cast once: jsonb_agg looks for the end of each text of a nested list behind the last one (40,000 ids took 70 s, and
    -- now take 0.2 s), and the worker had long given up, and tried again.
    SELECT json_agg(json_build_object('datasetId', w.id, 'eventIds', known.ids))::jsonb INTO wrong
    FROM jsonb_to_recordset(datasets) AS w (id uuid, first int, last int) JOIN pdm_datasets own USING (id)
    CROSS JOIN LATERAL (SELECT json_agg(id) AS ids FROM ledger_known(own.number::int, ids[w.first:w.last]) AS id) AS known
    WHERE known.ids IS NOT NULL;
    IF wrong IS NULL THEN RAISE; END IF; -- an id twice in one flush: a defect of the caller
    RETURN jsonb_build_object('kind', 'known_ids', 'datasets', wrong);
  END;

  -- 5. What could not become a row; a source is dead-lettered once for each time that its log was cut back.
  INSERT INTO dead_letters (tenant_id, dataset_id, topic_id, topic, partition, source_offset, event_id, reason, pointer, error,
    key, value, headers, traceparent, received_at, flush_number, rewound)
  SELECT tenant, dataset_id, topic_id, topic, partition, source_offset, event_id, reason, pointer, error,
    decode(key, 'base64'), decode(value, 'base64'), headers, traceparent, received_at, number,
    (SELECT s.rewound FROM source_partitions s WHERE s.topic_id = l.topic_id AND s.partition = l.partition)
  FROM json_to_recordset(letters) AS l (dataset_id uuid, topic_id uuid, topic text, partition int, source_offset bigint,
    event_id text, reason text, pointer text, error text, key text, value text, headers jsonb, traceparent text, received_at timestamptz)
  ON CONFLICT DO NOTHING;

  -- 6. The pointers.
  UPDATE iceberg_catalog.iceberg_tables t SET previous_metadata_location = t.metadata_location, metadata_location = w."to"
  FROM jsonb_to_recordset(datasets) AS w (namespace text, name text, "to" text)
  WHERE w."to" IS NOT NULL AND t.catalog_name = 'pulse' AND t.table_namespace = w.namespace AND t.table_name = w.name;

  -- 7. The offsets: within the fence, and never backwards.
  INSERT INTO settled_offsets AS s (topic_id, partition, dataset_id, next_offset)
  SELECT topic_id, partition, n.dataset_id, n.next_offset
  FROM jsonb_to_recordset(settled) AS n (topic_id uuid, partition int, dataset_id uuid, next_offset bigint)
  JOIN jsonb_to_recordset(sources) AS f (topic_id uuid, partition int) USING (topic_id, partition)
  ON CONFLICT (topic_id, partition, dataset_id) DO UPDATE SET next_offset = excluded.next_offset WHERE s.next_offset <= excluded.next_offset;
  GET DIAGNOSTICS moved = ROW_COUNT;
  IF moved <> jsonb_array_length(settled) THEN
    RAISE EXCEPTION 'flush % would settle a partition outside its fence, or an offset backwards', flush;
  END IF;
  UPDATE source_partitions s SET next_offset = greatest(s.next_offset, f.next_offset), flushes = s.flushes + 1
  FROM jsonb_to_recordset(sources) AS f (topic_id uuid, partition int, next_offset bigint)
  WHERE s.topic_id = f.topic_id AND s.partition = f.partition;

  -- 8. Files that nothing reaches any more, and the intent, exactly one.
  INSERT INTO expired_files (location, tenant_id, not_before)
  SELECT location, tenant, clock_timestamp() + make_interval(secs => after)
  FROM jsonb_to_recordset(expired) AS e (location text, after float8) ON CONFLICT DO NOTHING;
  DELETE FROM flush_intents WHERE flush_id = flush;
  RETURN jsonb_build_object('kind', 'committed', 'flushNumber', number);
END
$$;

-- Adds ids that must be new, or fails with unique_violation. Called by commit_flush alone, which
-- holds the lock. The older epoch is probed only within the range of ids that it has for the
-- dataset: time-ordered ids (UUIDv7) lie above it, so for them the lookup costs two probes in all.
CREATE OR REPLACE FUNCTION public.ledger_add(tenant uuid, dataset integer, ids uuid[], flush bigint, records bigint[] DEFAULT NULL)
  RETURNS void LANGUAGE plpgsql
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
  INSERT INTO processed_event_ids (event_id, tenant_id, flush_number, dataset_number, epoch, record)
  SELECT id, tenant, flush, dataset, newer, record FROM unnest(ids, records) AS added (id, record) ORDER BY id;
END
$$;
