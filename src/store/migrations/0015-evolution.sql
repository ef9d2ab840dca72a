-- A dataset that is bound to another version writes into other columns: which of the table's schemas (its Iceberg schema-id) must be
-- there before a row of the version is written. A worker that knows an older table looks for the newer one first.
ALTER TABLE public.dataset_bindings ADD COLUMN table_schema_id integer NOT NULL DEFAULT 0;
