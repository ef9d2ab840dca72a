"""What Schemathesis has to be told of Pulse: how NDJSON is written, and what there is (world.ts made it)."""

import itertools
import json
import os
import re

import schemathesis

KNOWN = json.loads(os.environ["KNOWN"])
turns = itertools.count()
KINDS = ("identity", "relationship", "label", "friendly_name", "rename")
URI = r"[A-Za-z][A-Za-z0-9+.\-]*:[^\s\x00-\x1f<>\"{}|\\^`]+"


@schemathesis.serializer("application/x-ndjson")
def ndjson(ctx, value):
    """A text goes out as it is, one event a line; whatever else is generated, one line each."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, dict):
        # No text at all is what was asked for; one object would be a line that is fine.
        return b""
    lines = value if isinstance(value, list) else [value]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


@schemathesis.serializer("text/csv", "application/vnd.apache.parquet")
def text(ctx, value):
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else b""


@schemathesis.hook("filter_case").apply_to(path="/v1/datasets/{dataset}/batch")
def no_file(ctx, case):
    """Any bytes are a file of rows, none at all too: what is no text cannot be sent as one, and is no case."""
    return case.media_type in (None, "application/json") or isinstance(case.body, (str, bytes))


def is_slug(value):
    """What is not one stays as it is: the API has to refuse it."""
    return isinstance(value, str) and re.fullmatch("[a-z][a-z0-9_-]{0,62}", value) is not None


def is_id(value):
    """A UUID, or the number of a dead letter."""
    return isinstance(value, str) and re.fullmatch("[0-9a-f-]{36}|[^/]{1,20}", value, re.I) is not None


def is_pointer(value):
    return isinstance(value, str) and re.fullmatch("(/([^~/]|~[01])*)*", value) is not None


def is_uri(value):
    return isinstance(value, str) and re.fullmatch(URI, value) is not None and 3 <= len(value) <= 500


@schemathesis.hook("map_body").apply_to(path="/v1/collect")
def known_dataset(ctx, body):
    """Half of the events that name a dataset as one may name the one that exists, or none would come beyond the look-up."""
    if not isinstance(body, dict):
        return body
    events = body.get("events", [body])
    for event in events if isinstance(events, list) else []:
        if isinstance(event, dict) and is_slug(event.get("dataset")) and len(event["dataset"]) % 2 == 0:
            event["dataset"] = "page-views"
            # Closed as the schema is, nothing that is made up would fit.
            if isinstance(event.get("data"), dict) and len(event["data"]) % 3 != 1:
                event["data"] = {"timestamp": "2026-11-25T08:00:00Z", "page": str(event["data"])}
    return body


@schemathesis.hook("map_body").apply_to(path="/v1/datasets", method="POST")
def known_schema(ctx, body):
    """The same for datasets: half of the schemas that they name are there."""
    if isinstance(body, dict) and is_uri(body.get("schema_uri")) and len(body["schema_uri"]) % 2 == 0:
        body["schema_uri"] = KNOWN["schemaUri"]
    return body


@schemathesis.hook("map_body").apply_to(path="/v1/descriptors", method="POST")
def known_place(ctx, body):
    """And for descriptors: half are of a place that there is, of a kind that fits it."""
    if not isinstance(body, dict) or not is_uri(body.get("schema_uri")) or len(body["schema_uri"]) % 2 == 1:
        return body
    # What is not valid stays as it is: the API has to refuse it.
    if body.get("kind") in KINDS and is_pointer(body.get("pointer", "")) and isinstance(body.get("definition", {}), dict):
        body.update(schema_uri=KNOWN["schemaUri"], kind="friendly_name", pointer="/page", definition={"name": "Page"})
        if is_uri(body.get("supersedes")):
            del body["supersedes"]
    return body


@schemathesis.hook("map_body").apply_to(path="/v1/schemas/{id}/impact")
def known_dataset_of_impact(ctx, body):
    if isinstance(body, dict) and is_slug(body.get("dataset")):
        body["dataset"] = "page-views"
    return body


@schemathesis.hook
def before_call(ctx, case, kwargs):
    """Every second id and dataset that a request names is one that there is, each for what may be done to it."""
    parameters = case.path_parameters or {}
    operation = f"{case.method.upper()} {case.operation.path}"
    name = re.findall(r"{(\w+)}", operation)[-1:] or [None]
    known = KNOWN["ids"].get(operation)
    if known is not None and next(turns) % 2 == 0 and is_id(parameters.get(name[0])):
        parameters[name[0]] = known
    elif parameters.get("id") == KNOWN["schemaId"] and case.method.upper() not in ("GET", "POST"):
        # The schema that is named above stays published.
        parameters["id"] = "01900000-0000-7000-8000-000000000000"
    is_known = known is not None and parameters.get("id") == known
    if isinstance(parameters.get("dataset"), str) and (is_known or next(turns) % 2 == 0):
        parameters["dataset"] = "page-views"
    query = case.query or {}
    if is_slug(query.get("dataset")) and next(turns) % 2 == 0:
        query["dataset"] = "page-views"
    if operation.endswith("/preview") and next(turns) % 2 == 0:
        # No column or snapshot that is made up is there.
        for narrow in ("columns", "snapshot_id"):
            query.pop(narrow, None)
    headers = case.headers or {}
    if next(turns) % 2 == 0:
        # An ETag that is made up is never that of what is there.
        headers.pop("if-match", None)
    if "Authorization" in headers and next(turns) % 4 != 0:
        # A key says whose it is; another tenant beside it is refused before anything else is looked at.
        headers.pop("X-Tenant-ID", None)
