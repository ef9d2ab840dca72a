-- The registry whole: who refers to whom, what a published schema was described as, and two who change one thing.

-- Every URI that an entity refers to (class, field groups, datatypes, the schema it is about or leads to): what must not
-- vanish below it. What was registered before is read out of its text.
ALTER TABLE public.pdm_entities ADD COLUMN uses text[] NOT NULL DEFAULT '{}';
-- Where each column of a published schema came from. Written when it is published, and null for those that were before.
ALTER TABLE public.pdm_entities ADD COLUMN origins json;

ALTER TABLE public.pdm_entities NO FORCE ROW LEVEL SECURITY;
UPDATE public.pdm_entities e SET uses = ARRAY(
  SELECT DISTINCT uri FROM (
    SELECT e.class_uri AS uri
    UNION SELECT unnest(e.field_group_uris)
    UNION SELECT e.schema_uri
    UNION SELECT split_part(replace(found[1], '\/', '/'), '#', 1)
      FROM regexp_matches(e.definition::text, '"\$ref"\s*:\s*"([^"#][^"]*)"', 'g') AS found
  ) AS referred WHERE uri <> '' ORDER BY uri);
ALTER TABLE public.pdm_entities FORCE ROW LEVEL SECURITY;

CREATE INDEX pdm_entities_uses ON public.pdm_entities USING gin (uses);
CREATE INDEX pdm_entities_supersedes ON public.pdm_entities (supersedes) WHERE supersedes IS NOT NULL;
CREATE INDEX pdm_entities_about ON public.pdm_entities (schema_uri) WHERE kind = 'descriptor';
CREATE INDEX pdm_datasets_of_schema ON public.pdm_datasets (schema_uri);

-- Holds a tenant still until the transaction's end: whoever looks before he changes it sees what he changes.
CREATE FUNCTION public.tenant_lock(which uuid) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM FROM public.tenants WHERE id = which FOR NO KEY UPDATE;
END
$$;
ALTER FUNCTION public.tenant_lock(uuid) OWNER TO pulse_definer;
REVOKE ALL ON FUNCTION public.tenant_lock(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.tenant_lock(uuid) TO pulse_app;
