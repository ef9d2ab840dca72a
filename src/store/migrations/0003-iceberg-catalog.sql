-- The Iceberg SQL catalog, exactly the two tables that JdbcCatalog (jdbc.schema-version=V1) creates
-- and that PyIceberg's SQL catalog reads, in a schema of their own. Nothing of ours is added.

CREATE SCHEMA iceberg_catalog;

CREATE TABLE iceberg_catalog.iceberg_tables (
  catalog_name varchar(255) NOT NULL,
  table_namespace varchar(255) NOT NULL,
  table_name varchar(255) NOT NULL,
  metadata_location varchar(1000),
  previous_metadata_location varchar(1000),
  iceberg_type varchar(5),
  PRIMARY KEY (catalog_name, table_namespace, table_name)
);

CREATE TABLE iceberg_catalog.iceberg_namespace_properties (
  catalog_name varchar(255) NOT NULL,
  namespace varchar(255) NOT NULL,
  property_key varchar(255) NOT NULL,
  property_value varchar(1000),
  PRIMARY KEY (catalog_name, namespace, property_key)
);

ALTER TABLE iceberg_catalog.iceberg_tables ENABLE ROW LEVEL SECURITY;
ALTER TABLE iceberg_catalog.iceberg_tables FORCE ROW LEVEL SECURITY;
ALTER TABLE iceberg_catalog.iceberg_namespace_properties ENABLE ROW LEVEL SECURITY;
ALTER TABLE iceberg_catalog.iceberg_namespace_properties FORCE ROW LEVEL SECURITY;

-- The tables have no tenant_id, because other engines fix their columns; the namespace is the tenant.
CREATE POLICY tenant_isolation ON iceberg_catalog.iceberg_tables
  USING (table_namespace = 'pulse_' || replace(public.current_tenant_id()::text, '-', ''))
  WITH CHECK (catalog_name = 'pulse' AND table_namespace = 'pulse_' || replace(public.current_tenant_id()::text, '-', ''));
CREATE POLICY tenant_isolation ON iceberg_catalog.iceberg_namespace_properties
  USING (namespace = 'pulse_' || replace(public.current_tenant_id()::text, '-', ''))
  WITH CHECK (catalog_name = 'pulse' AND namespace = 'pulse_' || replace(public.current_tenant_id()::text, '-', ''));

-- Foreign engines read as pulse_reader: it sees the names and locations of all tables (docs say so).
CREATE POLICY reader ON iceberg_catalog.iceberg_tables FOR SELECT TO pulse_reader USING (true);
CREATE POLICY reader ON iceberg_catalog.iceberg_namespace_properties FOR SELECT TO pulse_reader USING (true);

GRANT USAGE ON SCHEMA iceberg_catalog TO pulse_app, pulse_reader;
GRANT SELECT, INSERT, UPDATE, DELETE
  ON iceberg_catalog.iceberg_tables, iceberg_catalog.iceberg_namespace_properties TO pulse_app;
GRANT SELECT ON iceberg_catalog.iceberg_tables, iceberg_catalog.iceberg_namespace_properties TO pulse_reader;
