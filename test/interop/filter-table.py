"""Counts the rows of a table that conditions leave, by the bounds in its manifests and by its values.

    filter-table.py <catalog uri> <namespace> <table> <metadata location> <conditions, a JSON list>

Prints for each {"pyiceberg": n, "duckdb": n, "planned": data files that PyIceberg would open}.
"""
import importlib
import json
import sys
from pathlib import Path

import duckdb
from pyiceberg.catalog.sql import SqlCatalog

uri, namespace, name, location, conditions = sys.argv[1:]
catalog = SqlCatalog(
    "pulse", warehouse="", init_catalog_tables="false",
    uri=f"postgresql+psycopg2://{uri.split('://', 1)[1]}?options=-csearch_path%3Diceberg_catalog")
table = catalog.load_table((namespace, name))
connection = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
for needed in ("avro", "iceberg"):  # in this order
    package = importlib.import_module(f"duckdb_extension_{needed}")
    connection.load_extension(str(Path(package.__file__).parent / f"extensions/v{duckdb.__version__}/{needed}.duckdb_extension"))
path = location.removeprefix("file://").replace("'", "''")
found = []
for condition in json.loads(conditions):
    scan = table.scan(row_filter=condition)
    counted = connection.execute(f"SELECT count(*) FROM iceberg_scan('{path}') WHERE {condition}").fetchone()[0]
    found.append({"pyiceberg": len(scan.to_arrow()), "duckdb": counted, "planned": len(list(scan.plan_files()))})
sys.stdout.write(json.dumps(found))
