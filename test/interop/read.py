"""Reads a table with PyIceberg (through the SQL catalog) and with DuckDB's Iceberg extension (at the metadata file that the
catalog names), and prints the rows of both as JSON: instants as microseconds, decimals and uuids as text, maps as sorted pairs."""
import datetime
import decimal
import importlib
import json
import sys
import uuid
import warnings
from pathlib import Path

import duckdb
from pyiceberg.catalog.sql import SqlCatalog

warnings.filterwarnings("ignore")
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def plain(value):
    if isinstance(value, datetime.datetime):
        return (value - EPOCH) // datetime.timedelta(microseconds=1)
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, datetime.time):
        return ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond
    if isinstance(value, (decimal.Decimal, uuid.UUID)):
        return str(value)
    if isinstance(value, bytes):
        return str(uuid.UUID(bytes=value))
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        pairs = value and all(isinstance(item, tuple) for item in value)
        return sorted([key, plain(item)] for key, item in value) if pairs else [plain(item) for item in value]
    return value


def rows_of(table):
    return [plain(row) for row in table.to_pylist()]


def extension(connection, name):
    package = importlib.import_module(f"duckdb_extension_{name}")
    (found,) = Path(package.__file__).parent.glob(f"extensions/v{duckdb.__version__}/{name}.duckdb_extension")
    connection.load_extension(str(found))


uri, namespace, name = sys.argv[1:]
catalog = SqlCatalog("pulse", uri=f"postgresql+psycopg2://{uri}?options=-csearch_path%3Diceberg_catalog", init_catalog_tables="false")
table = catalog.load_table((namespace, name))

connection = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
connection.execute("SET TimeZone='UTC'")
for needed in ("avro", "iceberg"):  # in this order
    extension(connection, needed)
metadata = table.metadata_location.removeprefix("file://")

print(json.dumps({
    "pyiceberg": rows_of(table.scan().to_arrow()),
    "duckdb": rows_of(connection.execute(f"SELECT * FROM iceberg_scan('{metadata}')").to_arrow_table()),
}))
