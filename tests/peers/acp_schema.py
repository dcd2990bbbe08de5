#!/usr/bin/env python3
"""Holds one side of recorded ACP conversations against the protocol's own schema, and tells what the other side does differently.

    .tools/py/bin/python tests/peers/acp_schema.py LOG... --side client|agent [--want METHOD]... [--schema FILE]

A LOG is a file, or a folder of files, of JSON objects `{"from": "client" | "agent", "line": TEXT}`, one a line, as `acp_tee.py` writes
them; each file is one connection from its first message on. Faults of the side that is judged end in exit code 1; those of the other side
are notes. A `--want` is a method that the judged side must have spoken: asked, told, or answered.

The schema is that of npm `@agentclientprotocol/sdk`, from `scripts/tools acp`. Its objects are closed here: the protocol forbids further
fields outside of `_meta` (agentclientprotocol.com/protocol/v1/extensibility).
"""

import argparse
import collections
import copy
import json
import os
import pathlib
import sys

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SCHEMA = pathlib.Path(os.environ.get("LIP_TOOLS", ROOT / ".tools")) / "acp/node_modules/@agentclientprotocol/sdk/schema/v1/schema.json"
OTHER = {"client": "agent", "agent": "client"}
OLDER = {"session/set_model"}
"""In use by agents that offer no option for their model, and older than the schema."""


class Schema:
    """The definitions by their method."""

    def __init__(self, path):
        self.definitions = json.loads(path.read_text("utf-8"))["$defs"]
        self.closed = copy.deepcopy(self.definitions)
        for definition in self.closed.values():
            close_inside(definition, self.closed)
        self.validators = {}
        self.by_method = {}
        for name, definition in self.definitions.items():
            if "x-method" in definition:
                kind = next(kind for kind in ("Request", "Response", "Notification") if name.endswith(kind))
                self.by_method[definition["x-side"], definition["x-method"], kind] = name

    def named(self, answering, method, kind):
        """The definition of what goes to, or as a response comes from, that side."""
        return self.by_method.get((answering, method, kind)) or self.by_method.get(("protocol", method, kind))

    def faults(self, name, value):
        """What is wrong with a value, in one line; nothing if it is right."""
        if name not in self.validators:
            ref = {"$ref": f"#/$defs/{name}"}
            schemas = {"$defs": self.definitions, **ref}, {"$defs": self.closed, **closed(ref, self.closed)}
            self.validators[name] = [Draft202012Validator(schema) for schema in schemas]
        as_it_is, as_closed = self.validators[name]
        error = best_match(as_it_is.iter_errors(value)) or deepest(as_closed.iter_errors(value))
        return [f"{name}{error.json_path[1:]}: {error.message:.200}"] if error else []


def deepest(errors):
    """The innermost surplus field: around it, an object that holds it seems to be wrong as a whole."""
    open_ones, found = list(errors), None
    while open_ones:
        error = open_ones.pop()
        open_ones += error.context
        if error.validator == "unevaluatedProperties" and (found is None or len(error.absolute_path) > len(found.absolute_path)):
            found = error
    return found


def close_inside(schema, definitions):
    """Objects hold nothing but what is named. That is said where a definition is used: it may be composed of others."""
    for branch in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(branch, []):
            close_inside(part, definitions)
    for name, value in schema.get("properties", {}).items():
        schema["properties"][name] = closed(value, definitions)
    for place in ("items", "additionalProperties"):
        if isinstance(schema.get(place), dict):
            schema[place] = closed(schema[place], definitions)


def closed(schema, definitions):
    if not isinstance(schema, dict):
        return schema
    close_inside(schema, definitions)
    return {"allOf": [schema], "unevaluatedProperties": False} if names_fields(schema, definitions) else schema


def names_fields(schema, definitions):
    """Whether it is an object whose fields are named, itself or by what it is composed of."""
    parts = [part for branch in ("allOf", "anyOf", "oneOf") for part in schema.get(branch, [])]
    if "$ref" in schema:
        parts.append(definitions[schema["$ref"].rsplit("/", 1)[-1]])
    return "properties" in schema or any(names_fields(part, definitions) for part in parts)


class Connection:
    """What has been said on one, as far as the next message depends on it."""

    def __init__(self, schema):
        self.schema = schema
        self.asked = {"client": {}, "agent": {}}

    def read(self, side, line):
        """What the message is, in words, and its faults."""
        try:
            message = json.loads(line)
        except ValueError:
            return "line", [f"no JSON: {line:.100}"]
        if not isinstance(message, dict):
            return "line", ["no object"]
        faults = [] if message.get("jsonrpc") == "2.0" else ["jsonrpc is not 2.0"]
        if "method" in message:
            what, found = self.of_method(side, message)
        else:
            what, found = self.response(side, message)
        return what, faults + found

    def of_method(self, side, message):
        method, is_request = message["method"], "id" in message
        if not isinstance(method, str):
            return "line", ["method is no text"]
        kind = "Request" if is_request else "Notification"
        faults = surplus(message, {"jsonrpc", "id", "method", "params"})
        if is_request:
            faults += self.schema.faults("RequestId", message["id"])
            key = json.dumps(message["id"])
            faults += [f"id {key} is in use"] if key in self.asked[side] else []
            self.asked[side][key] = method
        name = self.schema.named(OTHER[side], method, kind)
        if name:
            return f"{kind.lower()} {method}", faults + self.schema.faults(name, message.get("params"))
        is_own = method.startswith("_") or method in OLDER
        return f"{kind.lower()} {method}", faults + ([] if is_own else [f"{method} is no {kind.lower()} of the protocol"])

    def response(self, side, message):
        faults = surplus(message, {"jsonrpc", "id", "result", "error"})
        method = self.asked[OTHER[side]].pop(json.dumps(message.get("id")), None)
        if method is None:
            return "response", [*faults, f"nothing was asked as {message.get('id')!r}"]
        if ("result" in message) == ("error" in message):
            faults.append("neither a result nor an error, or both")
        if "error" in message:
            return f"error of {method}", faults + self.schema.faults("Error", message["error"])
        name = self.schema.named(side, method, "Response")
        return f"response of {method}", faults + (self.schema.faults(name, message.get("result")) if name else [])


def surplus(message, known):
    return [f"{name} is no field of a message" for name in message if name not in known]


def files(paths):
    for path in paths:
        yield from sorted(path.iterdir()) if path.is_dir() else [path]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("logs", nargs="+", type=pathlib.Path, metavar="LOG")
    parser.add_argument("--side", required=True, choices=OTHER)
    parser.add_argument("--want", action="append", default=[], metavar="METHOD")
    parser.add_argument("--schema", type=pathlib.Path, default=SCHEMA)
    args = parser.parse_args()
    schema = Schema(args.schema)
    seen = {side: collections.Counter() for side in OTHER}
    wrong = {side: collections.Counter() for side in OTHER}
    n_files = 0
    for path in files(args.logs):
        n_files += 1
        connection = Connection(schema)
        for entry in map(json.loads, path.read_text("utf-8").splitlines()):
            what, faults = connection.read(entry["from"], entry["line"])
            seen[entry["from"]][what] += 1
            wrong[entry["from"]].update(f"{what}: {fault}" for fault in faults)
    sys.exit(verdict(args, n_files, seen, wrong))


def verdict(args, n_files, seen, wrong):
    """Prints what was found; the exit code."""
    judged, other = args.side, OTHER[args.side]
    for what, count in sorted(seen[judged].items()):
        print(f"{count:5} {what}")
    for note, count in sorted(wrong[other].items()):
        print(f"note: {count} times, the {other}'s {note}")
    for fault, count in sorted(wrong[judged].items()):
        print(f"FAULT: {count} times, the {judged}'s {fault}")
    spoken = {what.rsplit(" ", 1)[-1] for what in seen[judged]}
    missing = [method for method in args.want if method not in spoken]
    for method in missing:
        print(f"FAULT: the {judged} never spoke {method}")
    counts = f"{seen[judged].total()} messages of the {judged}, {wrong[judged].total()} faults; {seen[other].total()} of the {other}"
    print(f"{n_files} connections: {counts}, {wrong[other].total()} notes")
    return int(bool(wrong[judged] or missing or not n_files))


if __name__ == "__main__":
    main()
