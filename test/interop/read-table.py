"""Reads an Iceberg table with a foreign engine and prints what it saw as one JSON object.

    read-table.py pyiceberg <catalog uri> <namespace> <table> [snapshot id, or nothing] [properties of the catalog, JSON]
    read-table.py duckdb <metadata location> [snapshot id]

Values are printed so that they compare without an engine's habits: integers, decimals and microseconds as text.
"""
import datetime
import decimal
import importlib
import json
import sys
import uuid
from pathlib import Path

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def plain(value):
    if value is None or isinstance(value, (bool, str, float)):
        return value
    if isinstance(value, (int, decimal.Decimal)):
        return format(value, "f") if isinstance(value, decimal.Decimal) else str(value)
    if isinstance(value, datetime.datetime):
        return str((value - EPOCH) // datetime.timedelta(microseconds=1))
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, datetime.time):
        return value.isoformat("microseconds")
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, bytes):
        return str(uuid.UUID(bytes=value))
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        if value and all(isinstance(v, tuple) and len(v) == 2 for v in value):
            return {k: plain(v) for k, v in value}  # a map, as Arrow gives it
        return [plain(v) for v in value]
    raise TypeError(type(value))


def pyiceberg(uri, namespace, name, snapshot=None, properties="{}"):
    from pyiceberg.catalog.sql import SqlCatalog
    scheme, rest = uri.split("://", 1)
    catalog = SqlCatalog(
        "pulse", warehouse="", init_catalog_tables="false",
        uri=f"postgresql+psycopg2://{rest}?options=-csearch_path%3Diceberg_catalog",
        **json.loads(properties))
    table = catalog.load_table((namespace, name))
    scan = table.scan(snapshot_id=int(snapshot) if snapshot else None)
    return {
        "tables": [".".join(t) for t in catalog.list_tables(namespace)],
        "types": {f.name: str(f.field_type) for f in table.schema().fields},
        "ids": {f.name: f.field_id for f in table.schema().fields},
        "required": [f.name for f in table.schema().fields if f.required],
        "spec": [[f.name, str(f.transform), f.source_id] for f in table.spec().fields],
        "snapshots": len(table.metadata.snapshots),
        "partitions": sorted([Path(t.file.file_path).parent.name, t.file.partition[0], t.file.record_count]
                             for t in scan.plan_files()),
        "rows": [plain(row) for row in scan.to_arrow().to_pylist()],
        "filtered": len(table.scan(row_filter="timestamp >= '2026-01-02T00:00:00+00:00'").to_arrow())
        if snapshot is None else None,
    }


def duckdb(location, snapshot=None):
    import duckdb as engine
    con = engine.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
    for name in ("avro", "iceberg"):
        package = importlib.import_module(f"duckdb_extension_{name}")
        found = Path(package.__file__).parent / f"extensions/v{engine.__version__}/{name}.duckdb_extension"
        con.load_extension(str(found))
    con.execute("SET TimeZone='UTC'")
    path = location.removeprefix("file://").replace("'", "''")
    scan = f"iceberg_scan('{path}'" + (f", snapshot_from_id={int(snapshot)}::UBIGINT)" if snapshot else ")")
    # Through Arrow: fetching timestamps with a zone as Python objects would need pytz.
    table = con.execute(f"SELECT * FROM {scan}").fetch_arrow_table()
    rows = [plain(row) for row in table.to_pylist()]
    types = {row[0]: row[1] for row in con.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()}
    filtered = con.execute(f"SELECT count(*) FROM {scan} WHERE timestamp >= '2026-01-02T00:00:00Z'").fetchone()[0]
    return {"types": types, "rows": rows, "filtered": filtered}


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"pyiceberg": pyiceberg, "duckdb": duckdb}[sys.argv[1]](*sys.argv[2:])))
