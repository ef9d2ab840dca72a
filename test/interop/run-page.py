"""Runs the SQL of a page in DuckDB, statement by statement, and prints the rows of the last one as JSON. `INSTALL x; LOAD x` take
the extension from its wheel, because tests download nothing while they run."""
import importlib
import json
import re
import sys
from pathlib import Path

import duckdb

WHEELS = {"iceberg": ("avro", "iceberg"), "postgres": ("postgres_scanner",)}
connection = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
connection.execute("SET TimeZone='UTC'")
for statement in filter(None, map(str.strip, sys.stdin.read().split(";"))):
    if statement.startswith("INSTALL "):
        continue
    loaded = re.fullmatch(r"LOAD (\w+)", statement)
    if not loaded:
        answer = connection.execute(statement)
        continue
    for name in WHEELS[loaded[1]]:
        package = importlib.import_module(f"duckdb_extension_{name}")
        (found,) = Path(package.__file__).parent.glob(f"extensions/v{duckdb.__version__}/{name}.duckdb_extension")
        connection.load_extension(str(found))
print(json.dumps(answer.fetchall(), default=str))
