"""What Schemathesis has to be told of Pulse: how NDJSON is written, and which dataset there is."""

import json
import os
import re

import schemathesis


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


def is_uri(value):
    return isinstance(value, str) and re.fullmatch("[A-Za-z][A-Za-z0-9+.-]*:[!-~]+", value) is not None


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
        body["schema_uri"] = os.environ["KNOWN_SCHEMA_URI"]
    return body


@schemathesis.hook
def before_call(ctx, case, kwargs):
    """The schema that is named above stays published."""
    parameters = case.path_parameters or {}
    if parameters.get("id") == os.environ["KNOWN_SCHEMA_ID"] and case.method.upper() != "GET":
        parameters["id"] = "01900000-0000-7000-8000-000000000000"
    # Half of the datasets that a path names are the one that exists.
    if is_slug(parameters.get("dataset")) and len(parameters["dataset"]) % 2 == 0:
        parameters["dataset"] = "page-views"
