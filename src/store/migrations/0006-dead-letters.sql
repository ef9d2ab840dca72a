-- Dead letters are rows first: written in the transaction of their flush with the whole record, then
-- relayed to the tenant's topic. The rows are the truth, one partition a day, dropped by day.

CREATE SEQUENCE public.dead_letter_numbers; -- the order of relaying; not an identity: partitions have those only since PostgreSQL 17
GRANT USAGE ON SEQUENCE public.dead_letter_numbers TO pulse_app;

CREATE TABLE public.dead_letters (
  number bigint NOT NULL DEFAULT nextval('public.dead_letter_numbers'),
  day date NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')::date,
  at timestamptz NOT NULL DEFAULT now(),
  tenant_id uuid NOT NULL,
  dataset_id uuid, -- null: it could not be resolved
  topic_id uuid NOT NULL,
  topic text NOT NULL,
  partition integer NOT NULL,
  source_offset bigint NOT NULL,
  rewound integer NOT NULL DEFAULT 0, -- of its source: the second record at an offset that was given out again is another letter
  event_id text, -- as the record has it, which need not be a uuid
  reason text NOT NULL CHECK (reason IN ('malformed', 'unknown_dataset', 'invalid', 'unconvertible', 'too_large', 'table_unavailable')),
  pointer text NOT NULL,
  error text NOT NULL,
  key bytea,
  value bytea,
  headers jsonb NOT NULL, -- [[name, value], …]; what is not text is {"base64": "…"}
  traceparent text NOT NULL,
  received_at timestamptz,
  flush_number bigint NOT NULL,
  relayed_at timestamptz,
  relay_refused text, -- why the topic cannot take a copy, where it never will
  PRIMARY KEY (day, topic_id, partition, source_offset, rewound)
) PARTITION BY RANGE (day);
CREATE INDEX dead_letters_to_relay ON public.dead_letters (topic_id, partition, number) WHERE relayed_at IS NULL;
CREATE INDEX dead_letters_of_tenant ON public.dead_letters (tenant_id, number);
ALTER TABLE public.dead_letters ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.dead_letters FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON public.dead_letters
  USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
GRANT SELECT, INSERT, UPDATE (relayed_at, relay_refused) ON public.dead_letters TO pulse_app;
ALTER TABLE public.dead_letters OWNER TO pulse_definer;

-- Makes the partitions of yesterday to a week ahead and drops those older than `keep_days`. Answers
-- the names of what it dropped. Not time-critical: a commit that finds no partition calls it.
CREATE FUNCTION public.dead_letters_retain(keep_days integer) RETURNS SETOF text
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  today CONSTANT date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
  day date;
  name text;
BEGIN
  IF keep_days IS NULL OR keep_days < 1 THEN
    RAISE EXCEPTION 'dead letters are kept at least one day, not %', keep_days USING ERRCODE = 'invalid_parameter_value';
  END IF;
  FOR day IN SELECT d::date FROM generate_series(today - 1, today + 7, interval '1 day') AS d LOOP
    name := format('dead_letters_%s', to_char(day, 'YYYYMMDD'));
    -- pg_class by query, not to_regclass: that may answer from a cache that an advisory lock does not refresh.
    CONTINUE WHEN EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = 'partitions'::regnamespace AND c.relname = name);
    PERFORM pg_advisory_xact_lock(public.ledger_lock() + 1); -- two workers at once: one makes it
    CONTINUE WHEN EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = 'partitions'::regnamespace AND c.relname = name);
    EXECUTE format('CREATE TABLE partitions.%I PARTITION OF public.dead_letters FOR VALUES FROM (%L) TO (%L)', name, day, day + 1);
    EXECUTE format('ALTER TABLE partitions.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE partitions.%I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY tenant_isolation ON partitions.%I USING (tenant_id = public.current_tenant_id())
      WITH CHECK (tenant_id = public.current_tenant_id())', name);
  END LOOP;
  FOR name IN
    SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'public.dead_letters'::regclass
      AND c.relname < format('dead_letters_%s', to_char(today - keep_days, 'YYYYMMDD')) ORDER BY 1
  LOOP
    EXECUTE format('DROP TABLE IF EXISTS partitions.%I', name);
    RETURN NEXT name;
  END LOOP;
END
$$;
ALTER FUNCTION public.dead_letters_retain(integer) OWNER TO pulse_definer;
REVOKE ALL ON FUNCTION public.dead_letters_retain(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.dead_letters_retain(integer) TO pulse_app;
SELECT public.dead_letters_retain(30);
