-- What the worker needs to carry records into tables exactly once: who reads which partition, how
-- far everything is settled, what is being written, what was committed, what could not be.

-- Partitions of partitioned tables: nobody but their owner may create, drop or even name them.
CREATE SCHEMA partitions AUTHORIZATION pulse_definer;

-- System tables: no policy of a tenant, because every worker must see all of them. A comment that
-- begins with "System table" is what the test of isolation accepts as the reason.

CREATE TABLE public.worker_members (
  worker text PRIMARY KEY,
  joined_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL -- alive until then, by this server's clock alone
) WITH (fillfactor = 50); -- a heartbeat is an update in place
COMMENT ON TABLE public.worker_members IS 'System table: names of workers and until when they are alive, no tenant data';
GRANT SELECT, INSERT, UPDATE, DELETE ON public.worker_members TO pulse_app;

-- The topic's id is the key and not its name: a re-created topic is another source.
CREATE TABLE public.source_partitions (
  topic_id uuid NOT NULL,
  partition integer NOT NULL CHECK (partition >= 0),
  topic text NOT NULL,
  tenant_id uuid NOT NULL REFERENCES public.tenants (id),
  owner text,
  generation bigint NOT NULL DEFAULT 0, -- one more with every claim: the fence of every commit
  next_offset bigint NOT NULL DEFAULT 0 CHECK (next_offset >= 0), -- the lowest that still has something pending
  deleted_below bigint NOT NULL DEFAULT 0, -- records below were removed from the bus
  -- Flushes committed on it; a commit names the count it was built on. A Postgres that forgets what it acknowledged (a failover to a
  -- copy that lags, a database restored from yesterday) is noticed by it: the worker that remembers more is refused.
  flushes bigint NOT NULL DEFAULT 0,
  -- How often its log was cut back (restored from a copy, an unclean election), so that offsets were given out again.
  rewound integer NOT NULL DEFAULT 0,
  -- Its topic was deleted or made anew: kept for what names it, claimed by nobody.
  retired_at timestamptz,
  PRIMARY KEY (topic_id, partition)
) WITH (fillfactor = 70);
CREATE INDEX source_partitions_of_owner ON public.source_partitions (owner);
COMMENT ON TABLE public.source_partitions IS 'System table: ids, owners and offsets; a worker shares out the partitions of all tenants';
GRANT SELECT, INSERT, UPDATE (owner, generation, next_offset, deleted_below, flushes, rewound, retired_at)
  ON public.source_partitions TO pulse_app;

-- How far each dataset of a partition is settled; the nil dataset for records that cannot be resolved.
CREATE TABLE public.settled_offsets (
  topic_id uuid NOT NULL,
  partition integer NOT NULL,
  dataset_id uuid NOT NULL,
  next_offset bigint NOT NULL CHECK (next_offset >= 0),
  PRIMARY KEY (topic_id, partition, dataset_id),
  FOREIGN KEY (topic_id, partition) REFERENCES public.source_partitions
) WITH (fillfactor = 70);
COMMENT ON TABLE public.settled_offsets IS 'System table: ids and offsets only';
-- Deleted where a log was cut back: what was settled by the old offsets no longer counts.
GRANT SELECT, INSERT, UPDATE (next_offset), DELETE ON public.settled_offsets TO pulse_app;

-- Samples of next_offset over time: what was settled long enough ago may leave the bus.
CREATE TABLE public.settled_marks (
  topic_id uuid NOT NULL,
  partition integer NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  next_offset bigint NOT NULL,
  PRIMARY KEY (topic_id, partition, at)
);
COMMENT ON TABLE public.settled_marks IS 'System table: ids, offsets and times only';
GRANT SELECT, INSERT, DELETE ON public.settled_marks TO pulse_app;

-- When each task of upkeep was last begun, by whichever worker: one does it, the others need not.
CREATE TABLE public.upkeep_turns (
  task text PRIMARY KEY,
  at timestamptz NOT NULL
);
COMMENT ON TABLE public.upkeep_turns IS 'System table: names of tasks and times only';
GRANT SELECT, INSERT, UPDATE (at) ON public.upkeep_turns TO pulse_app;

-- Tenant-owned tables.

-- Whoever writes lake files writes them under an intent, with its id in every file's name, so that
-- the files of a writer that died can be told from those that count.
CREATE TABLE public.flush_intents (
  flush_id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL,
  worker text, -- null: the writer said that it has stopped
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  locations text[] NOT NULL, -- table locations, without a slash at the end
  condemned_at timestamptz, -- from then on its commit is refused
  swept_at timestamptz -- its files were deleted once; once more, later, for a writer that was asleep
);
CREATE INDEX flush_intents_by_age ON public.flush_intents (started_at);
ALTER TABLE public.flush_intents ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.flush_intents FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON public.flush_intents
  USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
GRANT SELECT, INSERT, UPDATE (worker, condemned_at, swept_at), DELETE ON public.flush_intents TO pulse_app;
GRANT SELECT, UPDATE ON public.flush_intents TO pulse_definer;

CREATE TABLE public.flushes (
  flush_number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- what a ledger row carries instead of the id
  flush_id uuid NOT NULL UNIQUE,
  tenant_id uuid NOT NULL,
  worker text NOT NULL,
  committed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX flushes_by_age ON public.flushes (committed_at);
ALTER TABLE public.flushes ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.flushes FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON public.flushes
  USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
GRANT SELECT, INSERT ON public.flushes TO pulse_app;
GRANT SELECT, DELETE ON public.flushes TO pulse_definer;

CREATE TABLE public.flush_totals (
  flush_number bigint NOT NULL REFERENCES public.flushes ON DELETE CASCADE,
  dataset_id uuid NOT NULL,
  tenant_id uuid NOT NULL,
  records bigint NOT NULL CHECK (records >= 0),
  rows bigint NOT NULL CHECK (rows >= 0),
  duplicates bigint NOT NULL CHECK (duplicates >= 0),
  dead_letters bigint NOT NULL CHECK (dead_letters >= 0),
  replayed bigint NOT NULL CHECK (replayed >= 0), -- re-reads below the settled offset: not among the records
  PRIMARY KEY (flush_number, dataset_id),
  CONSTRAINT nothing_is_dropped CHECK (records = rows + duplicates + dead_letters)
);
ALTER TABLE public.flush_totals ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.flush_totals FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON public.flush_totals
  USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
GRANT SELECT, INSERT ON public.flush_totals TO pulse_app;

-- Files that retained snapshots no longer reach; deleted once readers have had their grace.
CREATE TABLE public.expired_files (
  location text PRIMARY KEY,
  tenant_id uuid NOT NULL,
  not_before timestamptz NOT NULL
);
CREATE INDEX expired_files_due ON public.expired_files (tenant_id, not_before);
ALTER TABLE public.expired_files ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.expired_files FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON public.expired_files
  USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
GRANT SELECT, INSERT, DELETE ON public.expired_files TO pulse_app;
GRANT SELECT ON public.expired_files TO pulse_definer;
