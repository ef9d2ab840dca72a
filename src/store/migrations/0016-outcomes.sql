-- What became of an event can be asked: dead letters by dataset and by event, whether one was sent again, and the snapshot
-- that a flush made of a dataset, and the record that a row was.

SET LOCAL ROLE pulse_definer; -- who owns the letters and their days

-- As the record has it an event's id may be anything, and a text of any length cannot be indexed; only ids are asked for. A stored
-- column and not an index over an expression: `text -> uuid` may tell what it fails on, so that the planner keeps it away from rows that
-- the policy has not judged yet, and would read all of them.
ALTER TABLE public.dead_letters
  ADD COLUMN event_uuid uuid GENERATED ALWAYS AS (
    CASE WHEN event_id ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' THEN event_id::uuid END) STORED,
  ADD COLUMN replayed_at timestamptz; -- when the bus acknowledged it again; what became of it then, its receipt says
CREATE INDEX dead_letters_of_event ON public.dead_letters (tenant_id, event_uuid) WHERE event_uuid IS NOT NULL;
CREATE INDEX dead_letters_of_dataset ON public.dead_letters (dataset_id, number) WHERE dataset_id IS NOT NULL;
GRANT UPDATE (replayed_at) ON public.dead_letters TO pulse_app;

-- Which record the row was: partition * 2^48 + offset, 8 bytes an id (docs/operate/storage.md has what that costs). Null: from before.
ALTER TABLE public.processed_event_ids ADD COLUMN record bigint;

RESET ROLE;

-- Null: written by a worker of before, or no row was added.
ALTER TABLE public.flush_totals ADD COLUMN snapshot_id bigint;

-- commit_flush and ledger_add take the records beside the ids, and the snapshot of each dataset. Changed in the functions as they stand,
-- so that the guarantee goes on being read in one place. What a worker of before does not say is null.
DO $$
DECLARE
  flush text := pg_get_functiondef('public.commit_flush(uuid, text, jsonb, jsonb, uuid[], jsonb, json, jsonb)'::regprocedure);
  ledger text := pg_get_functiondef('public.ledger_add(uuid, integer, uuid[], bigint)'::regprocedure);
  change text[];
BEGIN
  FOREACH change SLICE 1 IN ARRAY ARRAY[
    ['expired jsonb)', 'expired jsonb, records_of_ids bigint[] DEFAULT NULL)'],
    ['rows bigint, duplicates bigint, dead_letters bigint, replayed bigint)',
     'rows bigint, duplicates bigint, dead_letters bigint, replayed bigint, snapshot bigint)'],
    ['INSERT INTO flush_totals VALUES (number, d.id, tenant, d.records, d.rows, d.duplicates, d.dead_letters, d.replayed)',
     'INSERT INTO flush_totals (flush_number, dataset_id, tenant_id, records, rows, duplicates, dead_letters, replayed, snapshot_id)
        VALUES (number, d.id, tenant, d.records, d.rows, d.duplicates, d.dead_letters, d.replayed, d.snapshot)'],
    ['ids[d.first:d.last], number)', 'ids[d.first:d.last], number, records_of_ids[d.first:d.last])']
  ] LOOP
    IF strpos(flush, change[1]) = 0 THEN RAISE EXCEPTION 'commit_flush has no %', change[1]; END IF;
    flush := replace(flush, change[1], change[2]);
  END LOOP;
  FOREACH change SLICE 1 IN ARRAY ARRAY[
    ['flush bigint)', 'flush bigint, records bigint[] DEFAULT NULL)'],
    ['flush_number, dataset_number, epoch)', 'flush_number, dataset_number, epoch, record)'],
    ['SELECT id, tenant, flush, dataset, newer FROM unnest(ids) AS id ORDER BY id',
     'SELECT id, tenant, flush, dataset, newer, record FROM unnest(ids, records) AS added (id, record) ORDER BY id']
  ] LOOP
    IF strpos(ledger, change[1]) = 0 THEN RAISE EXCEPTION 'ledger_add has no %', change[1]; END IF;
    ledger := replace(ledger, change[1], change[2]);
  END LOOP;
  DROP FUNCTION public.commit_flush(uuid, text, jsonb, jsonb, uuid[], jsonb, json, jsonb);
  DROP FUNCTION public.ledger_add(uuid, integer, uuid[], bigint);
  EXECUTE ledger;
  EXECUTE flush;
END
$$;
REVOKE ALL ON FUNCTION public.commit_flush(uuid, text, jsonb, jsonb, uuid[], jsonb, json, jsonb, bigint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.commit_flush(uuid, text, jsonb, jsonb, uuid[], jsonb, json, jsonb, bigint[]) TO pulse_app;

-- What became of one event of the bound tenant: a row of a table, else the newest letter of it. The planner's settings, as in
-- ledger_known: probes of the ledger's two parts and of each day of letters, never a scan.
CREATE FUNCTION public.event_outcome(of_dataset uuid, of_event uuid) RETURNS TABLE (
    flush_id uuid, committed_at timestamptz, snapshot_id bigint, record bigint,
    number bigint, at timestamptz, reason text, pointer text, error text, topic text, partition integer, source_offset bigint,
    replayed_at timestamptz)
  LANGUAGE plpgsql STABLE
  SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan
  SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off
AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  SELECT f.flush_id, f.committed_at, t.snapshot_id, p.record,
    l.number, l.at, l.reason, l.pointer, l.error, l.topic, l.partition, l.source_offset, l.replayed_at
  FROM pdm_datasets d
  LEFT JOIN LATERAL (SELECT p.flush_number, p.record FROM processed_event_ids p
    WHERE p.dataset_number = d.number AND p.event_id = of_event LIMIT 1) AS p ON true
  LEFT JOIN flushes f ON f.flush_number = p.flush_number
  LEFT JOIN flush_totals t ON t.flush_number = p.flush_number AND t.dataset_id = d.id
  LEFT JOIN LATERAL (SELECT l.* FROM dead_letters l
    WHERE p.flush_number IS NULL AND l.event_uuid = of_event AND l.dataset_id = d.id ORDER BY l.number DESC LIMIT 1) AS l ON true
  WHERE d.id = of_dataset;
END
$$;
REVOKE ALL ON FUNCTION public.event_outcome(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.event_outcome(uuid, uuid) TO pulse_app;
