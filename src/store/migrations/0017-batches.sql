-- Files on their way in, one row a batch: how far it came and what became of its rows. The events themselves go the way of all
-- others, so nothing here is needed to keep them once.
CREATE TABLE public.batches (
  tenant_id uuid NOT NULL REFERENCES public.tenants (id),
  id uuid NOT NULL, -- the client's upload-id, or one that was made for it
  dataset_id uuid NOT NULL,
  dataset text NOT NULL,
  format text NOT NULL,
  reading json NOT NULL, -- the mapping, the delimiter, the column of ids: with others the same upload is another batch
  status text NOT NULL CHECK (status IN ('running', 'done', 'failed')),
  run uuid, -- who feeds it now; null: nobody
  upload_offset bigint NOT NULL DEFAULT 0, -- bytes of the content that are settled: an upload that was cut goes on here
  place json NOT NULL, -- how reading goes on there
  accepted bigint NOT NULL DEFAULT 0,
  rejected bigint NOT NULL DEFAULT 0,
  problem json,
  trace_id text NOT NULL,
  created_at timestamptz(6) NOT NULL DEFAULT now(),
  updated_at timestamptz(6) NOT NULL DEFAULT now(),
  finished_at timestamptz(6),
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX batches_of_tenant ON public.batches (tenant_id, created_at DESC, id DESC);

-- The rows that were not taken, the first so many of a batch.
CREATE TABLE public.batch_rejections (
  tenant_id uuid NOT NULL REFERENCES public.tenants (id),
  batch_id uuid NOT NULL,
  line bigint NOT NULL,
  verdict json NOT NULL,
  PRIMARY KEY (tenant_id, batch_id, line)
);

ALTER TABLE public.batches ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.batches FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON public.batches
  USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
ALTER TABLE public.batch_rejections ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.batch_rejections FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON public.batch_rejections
  USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
GRANT SELECT, INSERT, DELETE, UPDATE (status, run, upload_offset, place, accepted, rejected, problem, updated_at, finished_at)
  ON public.batches TO pulse_app;
GRANT SELECT, INSERT, DELETE ON public.batch_rejections TO pulse_app;
