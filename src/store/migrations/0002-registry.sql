-- The registry: PDM entities, datasets, and every schema version that a dataset was ever bound to.
-- `json`, not `jsonb`: a definition comes back with the keys' order and the numbers' text it was
-- sent with (1.0 stays 1.0, 2^53+1 stays itself).

CREATE TABLE public.pdm_entities (
  id uuid PRIMARY KEY,
  tenant_id uuid REFERENCES public.tenants (id), -- null: a system entity, seen by every tenant
  kind text NOT NULL CHECK (kind IN ('class', 'field_group', 'datatype', 'schema', 'descriptor')),
  uri text NOT NULL UNIQUE, -- in the whole deployment
  title text NOT NULL,
  status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'published', 'archived')),
  definition json NOT NULL,
  class_uri text,
  field_group_uris text[] NOT NULL DEFAULT '{}',
  schema_uri text,
  descriptor_kind text,
  pointer text,
  composed json, -- frozen at publish
  version integer NOT NULL DEFAULT 1,
  supersedes text,
  created_at timestamptz(6) NOT NULL DEFAULT now(),
  updated_at timestamptz(6) NOT NULL DEFAULT now(),
  published_at timestamptz(6)
);
CREATE INDEX pdm_entities_newest_first ON public.pdm_entities (tenant_id, kind, created_at DESC, id DESC);

-- Before the policies exist: the owner need not bypass them to seed.
INSERT INTO public.pdm_entities (id, tenant_id, kind, uri, title, status, definition, published_at) VALUES
  ('01900000-0000-7000-8000-000000000001', NULL, 'class',
   'https://ns.azothedge.com/pdm/class/person-profile', 'Person profile', 'published',
   '{"type":"object","properties":{"person_id":{"type":"string"}}}', now()),
  ('01900000-0000-7000-8000-000000000002', NULL, 'class',
   'https://ns.azothedge.com/pdm/class/interaction-event', 'Interaction event', 'published',
   '{"type":"object","properties":{"timestamp":{"type":"string","format":"date-time"}},"required":["timestamp"]}', now());

ALTER TABLE public.pdm_entities ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.pdm_entities FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON public.pdm_entities
  USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
-- Permissive policies are OR-ed: reading sees the seeded classes too, writing never does.
CREATE POLICY system_rows ON public.pdm_entities FOR SELECT USING (tenant_id IS NULL);
GRANT SELECT, INSERT, UPDATE ON public.pdm_entities TO pulse_app;

CREATE TABLE public.pdm_datasets (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES public.tenants (id),
  number bigint GENERATED ALWAYS AS IDENTITY UNIQUE, -- what the ledger carries instead of the id: 8 bytes, not 16
  slug text NOT NULL CHECK (slug ~ '^[a-z][a-z0-9_-]{0,62}$'),
  name text NOT NULL,
  schema_id uuid NOT NULL REFERENCES public.pdm_entities (id),
  schema_uri text NOT NULL,
  namespace text NOT NULL,
  table_name text NOT NULL,
  table_uuid uuid NOT NULL,
  created_at timestamptz(6) NOT NULL DEFAULT now(),
  updated_at timestamptz(6) NOT NULL DEFAULT now(),
  UNIQUE (tenant_id, slug),
  UNIQUE (tenant_id, id)
);
CREATE INDEX pdm_datasets_newest_first ON public.pdm_datasets (tenant_id, created_at DESC, id DESC);

ALTER TABLE public.pdm_datasets ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.pdm_datasets FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON public.pdm_datasets
  USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
GRANT SELECT, INSERT, UPDATE ON public.pdm_datasets TO pulse_app;

CREATE TABLE public.dataset_bindings (
  tenant_id uuid NOT NULL,
  dataset_id uuid NOT NULL,
  schema_id uuid NOT NULL REFERENCES public.pdm_entities (id),
  shape json NOT NULL, -- LineShape: where each column's value lies in an event of this schema version
  bound_at timestamptz(6) NOT NULL DEFAULT now(),
  PRIMARY KEY (dataset_id, schema_id),
  FOREIGN KEY (tenant_id, dataset_id) REFERENCES public.pdm_datasets (tenant_id, id)
);

ALTER TABLE public.dataset_bindings ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.dataset_bindings FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON public.dataset_bindings
  USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
GRANT SELECT, INSERT, UPDATE ON public.dataset_bindings TO pulse_app;
